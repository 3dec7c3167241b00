"""The origin of its own that files' bytes are read from, where one is set: whatever a browser made of a stranger's file
there, no cookie of the API's is sent to it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tseeder_gateway.api.access import own_origin
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problems import problem
from tseeder_kit.logging import current_request_id

SERVED: Final = ("/v1/content/", "/v1/links/")
"""All that is there: reading what the path itself gives the right to."""
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ContentOrigin:
    """Keeps everything but SERVED away from the host of `origin`; "" is none."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._host = urlsplit(origin).netloc.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        if self._host in hosts and not (scope["path"].startswith(SERVED) and scope["method"] in METHODS):
            refused = problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host_not_allowed",
                "This is not the host that the request is for.",
                request_id=current_request_id() or "",
            )
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def links_origin(request: Request) -> str:
    """What the URLs of links begin with."""
    return parts_of(request).settings.content_origin or own_origin(request)


def is_elsewhere(request: Request) -> bool:
    """Whether there is a content origin, and the client came by another one."""
    origin = parts_of(request).settings.content_origin
    return origin is not None and request.headers.get("host") != urlsplit(origin).netloc


def to_content_origin(request: Request, path: str) -> Response:
    """Sends the client there. What it goes by is in the path, so nothing else may learn it."""
    location = f"{parts_of(request).settings.content_origin}{path}"
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
