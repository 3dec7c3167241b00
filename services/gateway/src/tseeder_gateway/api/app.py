"""The ASGI application: routes, errors, CORS, and the context around all of it."""

from __future__ import annotations

from functools import cache
from typing import Final

from fastapi import FastAPI, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from tseeder_gateway.api import openapi, problems
from tseeder_gateway.api.context import RequestContext
from tseeder_gateway.api.parts import Parts
from tseeder_gateway.api.routes import admin, auth, files, health, job_events, jobs, me, plans

_ROUTERS: Final = (health.router, auth.router, me.router, jobs.router, job_events.router, files.router, plans.router)
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


def create_app(parts: Parts) -> ASGIApp:
    """The application that serves `parts`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    problems.install(app)
    for router in (*_ROUTERS, admin.router):
        # Flat, not nested: each router names its whole paths, and a request is matched in one pass.
        app.router.routes.extend(router.routes)
    description = cache(lambda: openapi.describe(app))

    @app.get("/openapi.json", include_in_schema=False)
    async def described() -> Response:
        return Response(description(), media_type="application/json", headers={"Cache-Control": "public, max-age=300"})

    return RequestContext(_with_cors(app, parts.settings.cors_origins))


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Exact origins only, since credentials are allowed with them."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_ADMITTED,
        allow_credentials=True,
        expose_headers=_EXPOSED,
        max_age=600,
    )
