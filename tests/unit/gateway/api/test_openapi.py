"""The description: whole, closed, and true to itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.integration.gateway.declared import document, resolved
from tseeder_gateway.api.examples import EXAMPLES
from tseeder_gateway.api.problem_codes import STATUS

PROBLEM = "application/problem+json"


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def answers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for where, operation in operations():
        for status, response in operation["responses"].items():
            yield where, status, resolved(response)


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_text() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))
    known = {tag["name"] for tag in document()["tags"]}
    for where, operation in operations():
        assert operation["description"], where
        assert set(operation["tags"]) <= known, where
        for parameter in operation["parameters"]:
            assert parameter["description"], (where, parameter["name"])


def test_every_error_is_a_problem_that_names_its_codes() -> None:
    for where, status, response in answers():
        if int(status) < 400 or where.startswith("HEAD "):
            continue
        schema = response["content"][PROBLEM]["schema"]
        assert schema["properties"]["status"] == {"const": int(status)}, (where, status)
        assert {STATUS[code] for code in schema["properties"]["code"]["enum"]} == {int(status)}, (where, status)


def test_every_answer_says_its_request_id_and_every_body_has_an_example() -> None:
    for where, status, response in answers():
        assert "X-Request-Id" in response["headers"], (where, status)
        for media_type, media in response.get("content", {}).items():
            is_ours = "json" in media_type or media_type == "text/event-stream"
            assert not is_ours or "example" in media or where == "GET /openapi.json", (where, status, media_type)
    for where, operation in operations():
        for media_type, media in operation.get("requestBody", {"content": {}})["content"].items():
            assert "example" in media, (where, media_type)


def test_every_schema_is_closed() -> None:
    for name, schema in document()["components"]["schemas"].items():
        assert schema["additionalProperties"] is False, name
        if name.endswith(("View", "View_")) or name in ("Problem", "FieldProblem"):
            assert sorted(schema["required"]) == sorted(schema["properties"]), name


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_one(name: str) -> None:
    components = document()["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(EXAMPLES[name])


def test_no_internal_name_is_told() -> None:
    text = json.dumps(document())
    for word in ("pydantic", "FastAPI", "HTTPValidationError", "Successful Response", "x-codes", "x-request-headers"):
        assert word not in text
