"""/openapi.json: what FastAPI knows of the routes, and what it cannot: our problems, credentials and bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from tseeder_gateway.api.access import Anonymous, Needs
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.problems import MEDIA_TYPE
from tseeder_gateway.api.schemas.problem import Problem
from tseeder_gateway.api.submission import Submission

_REF: Final = "#/components/schemas/"
_SCHEMES: Final = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "an API key"},
    "api_key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-tseeder",
        "description": "unsafe methods need the header X-CSRF-Token, too; over plain http the name is tseeder",
    },
}
_CREDENTIALS: Final[list[dict[str, list[str]]]] = [{name: []} for name in _SCHEMES]
_EVERYWHERE: Final = (400, 431, 500, 503, 504)
_WITH_CREDENTIAL: Final = (401, 403, 429)
_WITH_BODY: Final = (413, 415)
_UNSAFE: Final = frozenset({"post", "put", "patch", "delete"})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: the problems that are its own, beside those that any route may answer."""
    return {status: _problem_response() for status in statuses}


def describe(app: FastAPI) -> bytes:
    """The whole description, as JSON."""
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
    document = get_openapi(
        title="tseeder",
        version="1",
        description="Errors are RFC 9457 problems; decide by their `code`.",
        openapi_version="3.1.0",
        routes=routes,
    )
    calls = [each for route in routes for each in _calls(route.dependant)]
    bodies = {each.model for each in calls if isinstance(each, (JsonBody, Submission))}
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [(Problem, "serialization")]
    models += [(model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(models, ref_template=_REF + "{model}")
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas.get("$defs", {})}
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["securitySchemes"] = _SCHEMES
    for route in routes:
        for method in route.methods or ():
            _complete(document["paths"][route.path_format][method.lower()], method.lower(), route.dependant)
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _complete(operation: dict[str, Any], method: str, dependant: Dependant) -> None:
    """Adds the credential, the body and the problems that follow from a route's dependencies."""
    responses = operation["responses"]
    if "HTTPValidationError" in json.dumps(responses.get("422", "")):
        del responses["422"]  # the framework's own form of what is a problem of 400 here
    statuses = set(_EVERYWHERE)
    for call in _calls(dependant):
        if isinstance(call, Needs):
            operation["security"] = _CREDENTIALS
            operation["x-scope"] = call.scope
            statuses.update(_WITH_CREDENTIAL)
            statuses.update({415} if method in _UNSAFE else ())
        elif isinstance(call, Anonymous):
            statuses.update((403, 429))
        elif isinstance(call, JsonBody):
            operation["requestBody"] = {"required": True, "content": _json_of(call.model)}
            statuses.update(_WITH_BODY)
        elif isinstance(call, Submission):
            content = {**_json_of(call.model), "multipart/form-data": {"schema": call.multipart}}
            operation["requestBody"] = {"required": True, "content": content}
            statuses.update(_WITH_BODY)
    for status in statuses:
        responses.setdefault(str(status), _problem_response())
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-Id"] = {"schema": {"type": "string"}}


def _json_of(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF + model.__name__}}}


def _calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def _problem_response() -> dict[str, Any]:
    return {
        "description": "A problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF + Problem.__name__}}},
    }
