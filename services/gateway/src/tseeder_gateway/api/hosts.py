"""Which names the gateway answers to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from tseeder_gateway.api.problems import problem
from tseeder_gateway.domain.forwarded import is_allowed_host
from tseeder_kit.logging import current_request_id

_PROBES: Final = frozenset({"/healthz", "/readyz"})  # orchestrators come by address


class Hosts:
    """Refuses a request for another host than `allowed` (empty: any), and one that names two."""

    def __init__(self, app: ASGIApp, allowed: frozenset[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        number = current_request_id() or ""
        if len(hosts) > 1:
            refused = problem(
                HTTPStatus.BAD_REQUEST, "http_invalid", "The request has more than one Host.", request_id=number
            )
            await refused(scope, receive, send)
        elif self._allowed and scope["path"] not in _PROBES and not self._is_allowed(hosts):
            refused = problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host_not_allowed",
                "This is not the host that the request is for.",
                request_id=number,
            )
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_allowed(self, hosts: list[bytes]) -> bool:
        return bool(hosts) and is_allowed_host(hosts[0].decode("latin-1"), self._allowed)
