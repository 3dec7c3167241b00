"""Errors as answers."""

from __future__ import annotations

import json

import pytest

from tseeder_gateway.api.problem_codes import STATUS
from tseeder_gateway.api.problems import of_app_error
from tseeder_kit.errors import AppError, Kind, conflict


def test_a_call_that_its_service_ended_is_to_be_repeated() -> None:
    answer = of_app_error(AppError(Kind.CANCELLED, "cancelled", "The service stops."), "request-1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert json.loads(bytes(answer.body))["code"] == "service_unavailable"


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.CANCELLED, Kind.INTERNAL}))
def test_a_kind_has_its_status(kind: Kind) -> None:
    answer = of_app_error(AppError(kind, "some_code", "Some words."), "request-1")
    assert answer.status_code in set(STATUS.values())


def test_a_wait_is_said_in_the_header() -> None:
    error = conflict("not_stored_yet", "Wait.", retry_after_seconds=7)
    assert of_app_error(error, "request-1").headers["retry-after"] == "7"
