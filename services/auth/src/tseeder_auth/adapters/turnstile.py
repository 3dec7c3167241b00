"""Cloudflare Turnstile: a widget in a page makes a token, and its server says once whether it is good.

https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import aiohttp

from tseeder_auth.domain.human_check import Action, Site
from tseeder_kit.errors import AppError, FieldError, invalid, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

MAX_TOKEN_CHARS: Final = 2048
TRIES: Final = 2  # the idempotency key makes them one for the provider
_NOT_THE_CLIENTS: Final = frozenset({"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"})

_checks = counter("auth_human_checks", "Human checks that were asked of the provider", ("outcome",))
_log = get_logger(__name__)


class _AwayError(Exception):
    """No verdict: `reason` is a class of our own."""


class Turnstile:
    """A HumanCheck. It fails closed: no verdict, no pass."""

    def __init__(self, http: aiohttp.ClientSession, site: Site) -> None:
        self._http = http
        self._site = site

    async def check(self, token: str, action: Action, remote_address: str) -> None:
        """Returns if the token is good, for this action, on a page of ours, for the first time.

        Raises INVALID `human_check_failed`; UNAVAILABLE `human_check_unavailable`.
        """
        if not 0 < len(token) <= MAX_TOKEN_CHARS:
            raise _failed("missing" if not token else "too_long")
        form = {"secret": self._site.secret, "response": token, "idempotency_key": str(uuid4())}
        if remote_address:
            form["remoteip"] = remote_address
        verdict = await self._verdict(form)
        if verdict.get("success") is not True:
            raise _failed("refused")
        if str(verdict.get("hostname", "")).lower() not in self._site.hostnames:
            raise _failed("other_hostname")
        if verdict.get("action") != action:
            raise _failed("other_action")
        _checks.labels("passed").inc()

    async def _verdict(self, form: Mapping[str, str]) -> dict[str, Any]:
        reason = ""
        try:
            async with asyncio.timeout(self._site.seconds):
                for _ in range(TRIES):
                    try:
                        return await self._ask(form)
                    except _AwayError as exc:
                        reason = str(exc)
        except TimeoutError:
            reason = "late"
        _checks.labels("unavailable").inc()
        _log.error("human_check_unavailable", reason=reason)
        raise unavailable("human_check_unavailable", "The check that a person asks is away; try again.")

    async def _ask(self, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            async with self._http.post(self._site.url, data=form, allow_redirects=False) as response:
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise _AwayError(f"http_{response.status}")
                said = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError) as exc:
            raise _AwayError(type(exc).__name__) from exc
        except ValueError as exc:
            raise _AwayError("not_json") from exc
        if not isinstance(said, dict):
            raise _AwayError("not_json")
        ours = _NOT_THE_CLIENTS.intersection(map(str, said.get("error-codes") or ()))
        if ours:
            raise _AwayError(",".join(sorted(ours)))
        return said


@asynccontextmanager
async def open_turnstile(site: Site) -> AsyncIterator[Turnstile]:
    """The check, with connections of its own."""
    async with aiohttp.ClientSession(trust_env=True) as http:
        yield Turnstile(http, site)


def _failed(outcome: str) -> AppError:
    _checks.labels(outcome).inc()
    message = "The check that a person asks was not passed; solve it once more."
    return invalid(
        "human_check_failed", message, fields=[FieldError("human_check_token", "human_check_failed", message)]
    )
