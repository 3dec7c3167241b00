"""Requests that another site's page causes."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.cross_site import check_origin, check_token
from tseeder_kit.errors import AppError, Kind

ADMITTED = ("https://app.example.org",)


def check(origin: str | None, fetch_site: str | None = None) -> None:
    check_origin(origin=origin, fetch_site=fetch_site, host="api.example.org:8080", admitted=ADMITTED)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),
        (None, "same-origin"),
        (None, "none"),
        ("https://api.example.org:8080", None),
        ("http://API.example.org:8080", "same-origin"),
        ("https://app.example.org", "cross-site"),
    ],
)
def test_one_s_own_pages_admitted_ones_and_programs_may(origin: str | None, fetch_site: str | None) -> None:
    check(origin, fetch_site)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        ("null", None),
        ("", None),
        ("http://[", None),
        ("http://[::1]x", None),
        ("https://evil.example", "cross-site"),
        ("https://api.example.org", None),
        ("https://app.example.org.evil.example", None),
        ("https://app.example.org:444", None),
        (None, "cross-site"),
        (None, "same-site"),
        (None, "anything"),
    ],
)
def test_others_may_not(origin: str | None, fetch_site: str | None) -> None:
    with pytest.raises(AppError) as caught:
        check(origin, fetch_site)
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "cross_site_request")


@pytest.mark.parametrize(
    ("sent", "expected", "code"),
    [
        (None, "token", "csrf_token_missing"),
        ("", "token", "csrf_token_missing"),
        ("tokem", "token", "csrf_token_invalid"),
        ("töken", "token", "csrf_token_invalid"),
        ("x", "", "csrf_token_invalid"),
    ],
)
def test_a_wrong_token_is_refused(sent: str | None, expected: str, code: str) -> None:
    with pytest.raises(AppError) as caught:
        check_token(sent, expected)
    assert caught.value.code == code


def test_the_right_token_is_taken() -> None:
    check_token("token", "token")
