"""HEAD for what answers GET: the same answer without its body, which the server leaves out."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from tseeder_gateway.api.routes.oidc import OnwardAnswer
from tseeder_gateway.api.routes.playlists import LinkedAnswer
from tseeder_gateway.api.sse import EventStream


def heads(routes: Sequence[BaseRoute]) -> list[APIRoute]:
    """A HEAD route for each GET that has none; but not for event streams, which have no end to be left out, nor for
    what makes something each time."""
    known = [route for route in routes if isinstance(route, APIRoute)]
    present = {route.path for route in known if "HEAD" in (route.methods or ())}
    return [_head(route) for route in known if "GET" in (route.methods or ()) and not _is_apart(route, present)]


def _is_apart(route: APIRoute, present: set[str]) -> bool:
    return route.path in present or route.response_class in (EventStream, LinkedAnswer, OnwardAnswer)


def _head(route: APIRoute) -> APIRoute:
    """The same endpoint. Its `responses` are its own: the description completes them in place."""
    made = copy.copy(route)
    made.methods = {"HEAD"}
    made.name = f"head_{route.name.removeprefix('get_')}"
    made.unique_id = made.name
    made.responses = copy.deepcopy(route.responses)
    return made
