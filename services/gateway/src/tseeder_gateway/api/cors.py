"""Pages of other origins: those that settings name may call the API, with credentials; nobody else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Send

from tseeder_gateway.api.problems import problem
from tseeder_kit.logging import current_request_id

_EXPOSED: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-Id",
)
_ADMITTED: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Range",
    "X-API-Key",
    "X-CSRF-Token",
    "X-Request-Id",
)


class _Cors(CORSMiddleware):
    """Says no as everything here does, and nothing of CORS to origins that are not admitted."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks whether a page of another origin may send its request."""
        if not self.is_allowed_origin(request_headers["origin"]):
            return _refused({"Vary": "Origin"})
        answer = super().preflight_response(request_headers)
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        return _refused({name: value for name, value in answer.headers.items() if not name.startswith("content-")})

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Every answer varies by Origin, so that no cache gives one page's answer to another's."""
        if message["type"] == "http.response.start" and not self.is_allowed_origin(request_headers.get("origin", "")):
            MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)
        else:
            await super().send(message, send, request_headers)


def with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Exact origins only, since credentials are allowed with them."""
    if not origins:
        return app
    return _Cors(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_ADMITTED,
        allow_credentials=True,
        expose_headers=_EXPOSED,
        max_age=600,
    )


def _refused(headers: dict[str, str]) -> Response:
    return problem(
        HTTPStatus.FORBIDDEN,
        "cors_refused",
        "Pages of this origin may not send this request.",
        request_id=current_request_id() or "",
        headers=headers,
    )
