"""The ASGI application: routes, errors, CORS, and the context around all of it."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response as StarletteResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from tseeder_gateway.api import openapi, problems
from tseeder_gateway.api.context import RequestContext
from tseeder_gateway.api.heads import heads
from tseeder_gateway.api.parts import Parts
from tseeder_gateway.api.route_span import TracePolicy
from tseeder_gateway.api.routes import admin, auth, description, files, front_page, health, job_events, jobs, me, plans
from tseeder_kit.logging import current_request_id

_ROUTERS: Final = (
    health.router,
    description.router,
    auth.router,
    me.router,
    jobs.router,
    job_events.router,
    files.router,
    plans.router,
    admin.router,
)
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
    """Says no as everything here does."""

    def preflight_response(self, request_headers: Headers) -> StarletteResponse:
        """The answer to a browser that asks whether a page of another origin may send its request."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return answer
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return problems.problem(
            HTTPStatus.FORBIDDEN,
            "cors_refused",
            "Pages of this origin may not send this request.",
            request_id=current_request_id() or "",
            headers=kept,
        )


def routes() -> list[BaseRoute]:
    """All routes. Flat, not nested: each router names its whole paths, and a request is matched in one pass."""
    found = [route for router in _ROUTERS for route in router.routes]
    return [*found, *heads(found)]


def create_app(parts: Parts) -> ASGIApp:
    """The application that serves `parts`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    problems.install(app)
    app.router.routes.extend(front_page.router.routes)
    served = routes()
    app.router.routes.extend(served)

    app.state.description = cache(lambda: openapi.compact(openapi.describe(served)))
    settings = parts.settings
    policy = TracePolicy(settings.trace_sample_ratio, trusts_clients=settings.trust_traceparent)
    return RequestContext(_with_cors(app, settings.cors_origins), policy)


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
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
