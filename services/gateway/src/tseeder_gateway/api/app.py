"""The ASGI application: routes, errors, CORS, and the context around all of it."""

from __future__ import annotations

from functools import cache
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from tseeder_gateway.api import openapi, problems
from tseeder_gateway.api.content_origin import ContentOrigin
from tseeder_gateway.api.context import RequestContext
from tseeder_gateway.api.cors import with_cors
from tseeder_gateway.api.heads import heads
from tseeder_gateway.api.hosts import Hosts
from tseeder_gateway.api.parts import Parts
from tseeder_gateway.api.route_span import TracePolicy
from tseeder_gateway.api.routes import (
    admin,
    archives,
    auth,
    cached,
    dead_letters,
    description,
    files,
    front_page,
    health,
    job_events,
    jobs,
    links,
    me,
    oidc,
    own_security,
    plans,
    playlists,
    registration,
    storage,
    subtitles,
    users,
    warmup,
)

_ROUTERS: Final = (
    health.router,
    description.router,
    auth.router,
    registration.router,
    oidc.router,
    me.router,
    own_security.router,
    jobs.router,
    job_events.router,
    files.router,
    warmup.router,
    playlists.router,
    subtitles.router,
    links.router,
    archives.router,
    cached.router,
    plans.router,
    admin.router,
    dead_letters.router,
    storage.router,
    users.router,
)

# The framework's own would tell of wrong values and of exceptions with their texts; ours (route_span) does not.
_NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def routes() -> list[BaseRoute]:
    """All routes. Flat, not nested: each router names its whole paths, and a request is matched in one pass."""
    found = [route for router in _ROUTERS for route in router.routes]
    return [*found, *heads(found)]


def create_app(parts: Parts) -> ASGIApp:
    """The application that serves `parts`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, telemetry=_NO_TELEMETRY)
    app.state.parts = parts
    problems.install(app)
    app.router.routes.extend(front_page.router.routes)
    served = routes()
    app.router.routes.extend(served)

    app.state.description = cache(lambda: openapi.compact(openapi.describe(served)))
    settings = parts.settings
    policy = TracePolicy(settings.trace_sample_ratio, trusts_clients=settings.trust_traceparent)
    served_by_name = ContentOrigin(with_cors(app, settings.cors_origins), app, settings.content_origin or "")
    inner = Hosts(served_by_name, settings.hosts)
    return RequestContext(inner, policy)
