"""Sizes, times and errors as people see them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.screen import ago, clock, counted, duration, err, of, percent, show_error, size


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024**2 - 1, "1.0 MiB"), (104857600, "100.0 MiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


def test_parts_of_a_size() -> None:
    assert of(12 << 20, 100 << 20) == "12.0 of 100.0 MiB"
    assert of(900, 2048) == "900 B of 2.0 KiB"
    assert of(0, 0) == "0 of 0 B"


def test_durations() -> None:
    assert [duration(value) for value in (0.4, 12.34, 185, 7385)] == ["0.40 s", "12.3 s", "3:05", "2:03:05"]
    assert clock(7) == "0:07"


def test_percent_is_full_only_at_the_end() -> None:
    assert [percent(999, 1000), percent(1000, 1000), percent(0, 0)] == ["99 %", "100 %", "-"]


def test_how_long_ago() -> None:
    now = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
    times = ("2026-11-20T11:59:58Z", "2026-11-20T11:59:18Z", "2026-11-20T11:00:01Z", "2026-11-20T02:00:00Z", None)
    assert [ago(time, now) for time in times] == ["now", "42 s ago", "59 min ago", "10 h ago", "never"]
    assert ago("2026-11-01T00:00:00Z", now) == "19 d ago"


def test_an_error_is_shown_with_its_code_fields_and_advice_but_not_with_markup() -> None:
    body = {
        "detail": "The request is [red]wrong\x1b[0m.",
        "code": "too_much",
        "errors": [{"field": "selection", "code": "too_large", "message": "at most 3"}],
    }
    with err().capture() as captured:
        show_error(ApiError(422, body))
        show_error(CliError("it is full:\n  the end of its log", code="disk_full", hint="Make room."))
    shown = captured.get()
    assert "error: it is full: [disk_full]\n  the end of its log\n  Make room." in shown
    assert "The request is [red]wrong\ufffd[0m. [too_much]\n  selection: at most 3\n" in shown


def shown_of(status: int, **body: object) -> str:
    """What a person sees of an answer."""
    with err().capture() as captured:
        show_error(ApiError(status, body))
    return captured.get()


def test_what_is_wrong_with_a_field_is_said_once() -> None:
    text = "This is not an e-mail address."
    field = {"field": "email", "code": "bad_email", "message": text}
    assert shown_of(400, detail=text, code="bad_email", errors=[field]) == f"error: {text} [bad_email]\n"
    jargon = "The request is not as it should be; `errors` says where."
    one = shown_of(400, detail=jargon, code="invalid_request", errors=[field])
    assert one == f"error: email: {text} [invalid_request]\n"
    two = shown_of(400, detail=jargon, code="invalid_request", errors=[field, {**field, "field": "other"}])
    assert two.splitlines() == [
        "error: the request is refused: [invalid_request]",
        *(f"  email: {text}", f"  other: {text}"),
    ]


def test_who_is_no_operator_is_told_so() -> None:
    for code, details in (("scope_missing", {"scope": "admin:read"}), ("role_too_low", {"role": "admin"})):
        shown = shown_of(403, detail="The credential does not cover this.", code=code, details=details)
        assert "error: only operators may do this [" in shown
        assert "tseeder whoami" in shown
    own = {"scope": "jobs:read"}
    assert "not cover" in shown_of(403, detail="It does not cover this.", code="scope_missing", details=own)


def test_things_are_counted_as_people_do() -> None:
    assert [counted(count, "file") for count in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, ExitCode.NOT_SIGNED_IN),
        (403, ExitCode.NOT_SIGNED_IN),
        (404, ExitCode.NOT_FOUND),
        (409, ExitCode.REFUSED),
        (422, ExitCode.REFUSED),
        (429, ExitCode.UNAVAILABLE),
        (503, ExitCode.UNAVAILABLE),
    ],
)
def test_exit_status_says_what_kind_of_failure(status: int, code: ExitCode) -> None:
    assert ApiError(status, {}).exit_code == code
