"""The table of kinds is whole, and an internal error tells nothing."""

import grpc
import pytest

from tseeder_kit import errors
from tseeder_kit.errors import KINDS, AppError, FieldError, Kind, kind_of_grpc_status

HTTP = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 412,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.RANGE: 416,
    Kind.UNPROCESSABLE: 422,
    Kind.EXHAUSTED: 429,
    Kind.CANCELLED: 499,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
    Kind.DEADLINE: 504,
}
MAKERS = {
    Kind.INVALID: errors.invalid,
    Kind.UNAUTHENTICATED: errors.unauthenticated,
    Kind.FORBIDDEN: errors.forbidden,
    Kind.NOT_FOUND: errors.not_found,
    Kind.CONFLICT: errors.conflict,
    Kind.PRECONDITION: errors.precondition,
    Kind.TOO_LARGE: errors.too_large,
    Kind.UNSUPPORTED: errors.unsupported,
    Kind.RANGE: errors.out_of_range,
    Kind.UNPROCESSABLE: errors.unprocessable,
    Kind.EXHAUSTED: errors.exhausted,
    Kind.CANCELLED: errors.cancelled,
    Kind.UNAVAILABLE: errors.unavailable,
    Kind.DEADLINE: errors.deadline_exceeded,
}


def test_every_kind_has_a_row_with_its_http_status() -> None:
    assert {kind: row.http_status for kind, row in KINDS.items()} == HTTP
    assert set(KINDS) == set(Kind)


def test_every_row_names_a_grpc_status_that_exists() -> None:
    assert {row.grpc_status for row in KINDS.values()} <= {status.name for status in grpc.StatusCode}


def test_what_may_be_tried_again_is_what_passes_by_itself() -> None:
    assert {kind for kind, row in KINDS.items() if row.retryable} == {Kind.EXHAUSTED, Kind.UNAVAILABLE, Kind.DEADLINE}


@pytest.mark.parametrize("kind", MAKERS)
def test_each_kind_has_a_function_that_makes_it(kind: Kind) -> None:
    error = MAKERS[kind]("some_code", "A sentence.", limit=5, code_of_caller="x")
    assert (error.kind, error.code, error.message) == (kind, "some_code", "A sentence.")
    assert error.details == {"limit": "5", "code_of_caller": "x"}
    assert str(error) == "some_code: A sentence."
    assert error.retryable == KINDS[kind].retryable


def test_an_internal_error_drops_what_it_is_given() -> None:
    fields = (FieldError("a", "b", "SELECT secret"),)
    error = AppError(Kind.INTERNAL, "internal", "password is hunter2", {"dsn": "postgres://u:p@h"}, fields)
    assert (error.code, dict(error.details), error.fields) == ("internal", {}, ())
    assert "hunter2" not in f"{error}{error.message}{error.args}"
    assert error.message == errors.internal().message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("NOT_FOUND", Kind.NOT_FOUND),
        ("INVALID_ARGUMENT", Kind.INVALID),
        ("UNAVAILABLE", Kind.UNAVAILABLE),
        ("DATA_LOSS", Kind.INTERNAL),
        ("UNIMPLEMENTED", Kind.INTERNAL),
    ],
)
def test_a_bare_status_becomes_the_nearest_kind(status: str, kind: Kind) -> None:
    assert kind_of_grpc_status(status) is kind
