"""The origin of its own that files' bytes are read from, where one is set: whatever a browser made of a stranger's file
there, no cookie of the API's is sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tseeder_gateway.api.access import own_origin
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problems import problem
from tseeder_gateway.domain.forwarded import is_allowed_host
from tseeder_kit.logging import current_request_id

SERVED: Final = ("/v1/content/", "/v1/links/")
"""All that is there: reading what the path itself gives the right to."""
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


_OPEN: Final = {
    b"access-control-allow-origin": b"*",
    b"access-control-allow-methods": b"GET, HEAD",
    b"access-control-allow-headers": b"Authorization, If-Match, If-None-Match, If-Range, Range",
    b"access-control-expose-headers": b"Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After",
    b"access-control-max-age": b"600",
    b"cross-origin-resource-policy": b"cross-origin",
}
"""Pages of any origin may read there: no credential of a browser's goes with it, and a request that was sent on has
an opaque origin, which no list could name."""


class ContentOrigin:
    """Keeps everything but SERVED away from the host of `origin` ("": there is none), and the API's CORS from SERVED
    there: `app` has it, `bare` has not. Cookies know no ports, so the host's name alone counts."""

    def __init__(self, app: ASGIApp, bare: ASGIApp, origin: str) -> None:
        self._app = app
        self._bare = bare
        self._name = urlsplit(origin).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if not (self._name and hosts and is_allowed_host(hosts[0], {self._name})):
            await self._app(scope, receive, send)
        elif not (scope["path"].startswith(SERVED) and scope["method"] in METHODS):
            await _refused(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=HTTPStatus.NO_CONTENT, headers=_texts(_OPEN))(scope, receive, send)
        else:
            await self._bare(scope, receive, _opened(send))


def _opened(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_OPEN.items()]}
        await send(message)

    return sent


def _texts(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers.items()}


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    refused = problem(
        HTTPStatus.MISDIRECTED_REQUEST,
        "host_not_allowed",
        "This is not the host that the request is for.",
        request_id=current_request_id() or "",
    )
    await refused(scope, receive, send)


def links_origin(request: Request) -> str:
    """What the URLs of links begin with."""
    return parts_of(request).settings.content_origin or own_origin(request)


def is_elsewhere(request: Request) -> bool:
    """Whether there is a content origin, and the client came by another one."""
    origin = parts_of(request).settings.content_origin
    return origin is not None and not is_allowed_host(
        request.headers.get("host", ""), {urlsplit(origin).hostname or ""}
    )


def to_content_origin(request: Request, path: str) -> Response:
    """Sends the client there. What it goes by is in the path, so nothing else may learn it."""
    location = f"{parts_of(request).settings.content_origin}{path}"
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
