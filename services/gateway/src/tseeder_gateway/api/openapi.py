"""/openapi.json: what FastAPI knows of the routes, and what it cannot: our problems, credentials, bodies and headers.

What holds for a route because of its dependencies (a credential, a body) is read off these, so that it cannot be
forgotten: a new route is described whole, or its description fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, Literal

from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from tseeder_gateway.api import described, problem_codes
from tseeder_gateway.api.access import Anonymous, Needs, Unnamed
from tseeder_gateway.api.bodies import MAX_FIELDS, JsonBody
from tseeder_gateway.api.context import MAX_HEAD_BYTES, MAX_HEADERS
from tseeder_gateway.api.described import Json
from tseeder_gateway.api.examples import example_of
from tseeder_gateway.api.problems import LOCKED_LINK, MEDIA_TYPE
from tseeder_gateway.api.schemas.jobs import EndView, ProgressView, SnapshotView
from tseeder_gateway.api.schemas.problem import Problem
from tseeder_gateway.api.schemas.warmup import WarmedUpView, WarmthView
from tseeder_gateway.api.schemas.wire import MAX_KEYS
from tseeder_gateway.api.submission import Submission
from tseeder_gateway.domain.cross_site import SAFE_METHODS
from tseeder_gateway.domain.strict_json import MAX_DEPTH
from tseeder_gateway.settings import Settings

_SCHEMAS: Final = "#/components/schemas/"
_RESPONSES: Final = "#/components/responses/"
_HEADERS_OF: Final = {
    412: ("ETag",),
    416: ("Content-Range",),
    429: ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}
_STATUS_409_RETRY: Final = "not_stored_yet"


def api_routes(routes: Iterable[BaseRoute]) -> list[APIRoute]:
    """The routes that are described, in the order of the description."""
    found = [route for route in routes if isinstance(route, APIRoute) and route.include_in_schema]
    return sorted(found, key=lambda route: (route.path_format, sorted(route.methods or ())))


def describe(routes: Iterable[BaseRoute]) -> Json:
    """The whole document."""
    described_routes = api_routes(routes)
    limits = _limits()
    document = get_openapi(
        title="tseeder",
        version="1",
        description=described.description(limits),
        openapi_version="3.1.0",
        routes=described_routes,
        tags=described.TAGS,
        servers=[{"url": "/"}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    document["x-limits"] = limits
    document["components"] = _components(document, described_routes)
    for route in described_routes:
        for method in sorted(route.methods or ()):
            _Operation(document["paths"][route.path_format][method.lower()], method, route).complete()
    _share(document)
    return document


def compact(document: Json) -> bytes:
    """As it is served."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _limits() -> dict[str, int]:
    settings = Settings.model_fields
    found = {
        "max_head_bytes": MAX_HEAD_BYTES,
        "max_headers": MAX_HEADERS,
        "max_json_bytes": int(settings["max_json_bytes"].default),
        "max_json_depth": MAX_DEPTH,
        "max_json_keys": MAX_KEYS,
        "max_upload_bytes": int(settings["max_upload_bytes"].default),
        "max_upload_fields": MAX_FIELDS,
    }
    return {name: found[name] for name in described.LIMITS}


def _components(document: Json, routes: Sequence[APIRoute]) -> Json:
    calls = [each for route in routes for each in _calls(route.dependant)]
    bodies = {each.model for each in calls if isinstance(each, (JsonBody, Submission))}
    models: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (model, "serialization") for model in (Problem, SnapshotView, ProgressView, EndView, WarmthView, WarmedUpView)
    ]
    models += [(model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    components: Json = document.get("components", {})
    found = {**components.get("schemas", {}), **schemas.get("$defs", {})}
    found.pop("HTTPValidationError", None)
    found.pop("ValidationError", None)
    for schema in found.values():
        _without_titles(schema)
    return {
        **components,
        "schemas": found,
        "headers": described.HEADERS,
        "securitySchemes": described.SECURITY_SCHEMES,
    }


def _without_titles(schema: Json) -> None:
    """A field's title is its name again."""
    for each in schema.get("properties", {}).values():
        each.pop("title", None)


class _Operation:
    """Completes one operation of the document."""

    def __init__(self, operation: Json, method: str, route: APIRoute) -> None:
        self._operation = operation
        self._method = method
        self._route = route
        self._responses: Json = operation["responses"]
        self._codes = list(problem_codes.EVERYWHERE)

    def complete(self) -> None:
        """Names, parameters, credential, body, answers."""
        operation = self._operation
        operation["operationId"] = self._route.name
        operation["security"] = []
        if "HTTPValidationError" in json.dumps(self._responses.get("422", "")):
            del self._responses["422"]  # the framework's own form of what is a problem of 400 here
        for response in list(self._responses.values()):
            self._codes += response.pop(problem_codes.CODES_KEY, ())
        for call in _calls(self._route.dependant):
            self._follow(call)
        self._complete_parameters()
        self._complete_responses()

    def _follow(self, call: object) -> None:
        """What a dependency brings with it."""
        operation = self._operation
        if isinstance(call, Needs):
            operation["security"] = described.CREDENTIALS
            operation["x-scope"] = call.scope
            operation.setdefault("x-least-role", described.LEAST_ROLE.get(call.scope, "user"))
            self._codes += problem_codes.CREDENTIAL
            if self._method not in SAFE_METHODS:
                self._codes += problem_codes.UNSAFE_WITH_CREDENTIAL
        elif isinstance(call, Anonymous):
            self._codes += problem_codes.ANONYMOUS
        elif isinstance(call, Unnamed):
            self._codes += problem_codes.UNNAMED
        elif isinstance(call, JsonBody):
            operation["requestBody"] = {"required": True, "content": _json_of(call.model)}
            self._codes += problem_codes.JSON_BODY
        elif isinstance(call, Submission):
            content = {**_json_of(call.model), "multipart/form-data": call.multipart}
            operation["requestBody"] = {"required": True, "content": content}
            self._codes += problem_codes.UPLOAD

    def _complete_parameters(self) -> None:
        parameters: list[Json] = [_plain(each) for each in self._operation.get("parameters", ())]
        if any(each["in"] == "query" for each in parameters):
            self._codes += problem_codes.QUERY
        names = ["X-Request-Id"]
        if self._operation["security"] and self._method not in SAFE_METHODS:
            names.append("X-CSRF-Token")
        names += (self._route.openapi_extra or {}).get("x-request-headers", ())
        for name in names:
            header = {"name": name, "in": "header", "schema": {"type": "string"}, **described.REQUEST_HEADERS[name]}
            parameters.append(header)
        self._operation["parameters"] = parameters
        self._operation.pop("x-request-headers", None)

    def _complete_responses(self) -> None:
        bare = self._method == "HEAD"
        for status, codes in problem_codes.by_status(self._codes).items():
            problem = _problem_response(status, codes, bare=bare)
            own = self._responses.get(str(status), {})
            content = {**own.get("content", {}), **problem.get("content", {})}
            self._responses[str(status)] = {**problem, **({"content": content} if content else {})}
        for status_text, response in self._responses.items():
            if not response.get("description") or response["description"] == "Successful Response":
                response["description"] = HTTPStatus(int(status_text)).phrase
            response["headers"] = {**response.get("headers", {}), **described.headers("X-Request-Id")}
            if bare:
                response.pop("content", None)
            for media in response.get("content", {}).values():
                reference = media.get("schema", {}).get("$ref")
                if reference is not None:
                    media["example"] = example_of(reference.removeprefix(_SCHEMAS))
        self._operation["responses"] = dict(sorted(self._responses.items()))


def _plain(parameter: Json) -> Json:
    """Absent and null are one in a query or header: a parameter is its value, or empty."""
    schema: Json = dict(parameter["schema"])
    branches = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
    if branches:
        schema = {**branches[0], **schema}
    schema.pop("title", None)
    schema.pop("description", None)
    if schema.get("default", 0) is None:
        del schema["default"]
    if parameter["in"] == "query":
        schema = _or_empty(schema)
    return {**parameter, "schema": schema}


def _or_empty(schema: Json) -> Json:
    if schema["type"] == "integer":
        return {"anyOf": [schema, {"type": "string", "const": ""}]}
    if schema["type"] == "array":
        items = schema["items"]
        return {**schema, "items": {**items, "enum": [*items["enum"], ""]}}
    return schema


def _json_of(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": {"$ref": _SCHEMAS + model.__name__}, "example": example_of(model.__name__)}}


def _calls(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)


def _problem_response(status: int, codes: Sequence[str], *, bare: bool) -> Json:
    phrase = HTTPStatus(status).phrase
    text = f"{phrase}: " + ", ".join(f"`{code}`" for code in codes[:_LISTED])
    names = [*_HEADERS_OF.get(status, ())]
    names += ["Retry-After"] if _STATUS_409_RETRY in codes else []
    if status == HTTPStatus.UNAUTHORIZED:
        names.append("Link-Authenticate" if LOCKED_LINK in codes else "WWW-Authenticate")
    response: Json = {
        "description": text if len(codes) <= _LISTED else f"{text} and {len(codes) - _LISTED} more",
        "headers": described.headers(*names),
    }
    if bare:
        return response
    schema = {
        "allOf": [{"$ref": _SCHEMAS + Problem.__name__}],
        "properties": {"status": {"const": status}, "code": {"enum": list(codes)}},
    }
    response["content"] = {MEDIA_TYPE: {"schema": schema, "example": _problem_example(status, phrase, codes[0])}}
    return response


_LISTED: Final = 12  # codes that a description names; the schema has them all


def _problem_example(status: int, phrase: str, code: str) -> Json:
    return {
        "type": f"urn:tseeder:problem:{code}",
        "title": phrase,
        "status": status,
        "detail": "A sentence for people.",
        "code": code,
        "request_id": "01a1f8b5-2825-728a-81b6-9320f137115c",
        "errors": [],
        "details": {},
    }


def _share(document: Json) -> None:
    """Answers that several operations give stand once, in `components`."""
    seen: dict[str, list[tuple[Json, str]]] = {}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= HTTPStatus.BAD_REQUEST:
                    seen.setdefault(json.dumps(response, sort_keys=True), []).append((operation["responses"], status))
    shared: Json = {}
    numbers: dict[str, int] = {}
    for text, places in sorted(seen.items(), key=lambda item: (item[1][0][1], item[0])):
        if len(places) < 2:
            continue
        status = places[0][1]
        numbers[status] = numbers.get(status, 0) + 1
        name = f"Problem{status}_{numbers[status]}"
        shared[name] = json.loads(text)
        for responses, key in places:
            responses[key] = {"$ref": _RESPONSES + name}
    document["components"]["responses"] = shared
