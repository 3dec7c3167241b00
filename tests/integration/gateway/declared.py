"""Every answer that tests see is held against the description: its status, its code, its body, its headers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from tseeder_gateway.api.app import routes
from tseeder_gateway.api.openapi import describe

PROBLEM = "application/problem+json"


@cache
def document() -> dict[str, Any]:
    """The description of this very source."""
    return describe(routes())


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; the node itself if it is none."""
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = document()
    for step in str(reference).removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def operation_of(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The template and the operation that a request is for; None if it is for none."""
    plain = path.partition("?")[0]
    for template, operations in document()["paths"].items():
        if method.lower() in operations and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", template), plain):
            return template, operations[method.lower()]
    return None


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fails if the description does not allow this answer to this request."""
    found = operation_of(method, path)
    if found is None:
        return
    template, operation = found
    where = f"{method} {template} answered {status}: {body[:300]!r}"
    assert str(status) in operation["responses"], f"undeclared status: {where}"
    response = resolved(operation["responses"][str(status)])
    for name, header in response.get("headers", {}).items():
        if resolved(header).get("required"):
            assert name in headers, f"{name} is missing: {where}"
    media_type = headers.get("Content-Type", "").partition(";")[0]
    if not body or media_type not in ("application/json", PROBLEM):
        return
    assert media_type in response.get("content", {}), f"undeclared media type: {where}"
    error = next(
        iter(_validator(template, method.lower(), str(status), media_type).iter_errors(json.loads(body))), None
    )
    assert error is None, f"{error}\n{where}"


@cache
def _validator(template: str, method: str, status: str, media_type: str) -> jsonschema_rs.Draft202012Validator:
    response = resolved(document()["paths"][template][method]["responses"][status])
    schema = {**response["content"][media_type]["schema"], "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
