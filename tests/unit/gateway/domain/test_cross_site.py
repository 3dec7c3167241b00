"""Requests that another site's page causes."""

from __future__ import annotations

from typing import Literal

import pytest

from tseeder_gateway.domain.cross_site import check_origin, check_token
from tseeder_kit.errors import AppError, Kind

ADMITTED = ("https://app.example.org",)


def check(
    origin: str | None,
    fetch_site: str | None = None,
    *,
    scheme: Literal["http", "https"] | None = "https",
    host: str = "api.example.org:8080",
) -> None:
    check_origin(scheme=scheme, origin=origin, fetch_site=fetch_site, host=host, admitted=ADMITTED)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),
        (None, "same-origin"),
        (None, "none"),
        ("https://api.example.org:8080", None),
        ("https://API.example.org:8080", "same-origin"),
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
        ("http://api.example.org:8080", None),
        ("https://api.example.org:8080/", None),
        ("https://api.example.org:8080.evil.example", None),
        ("https://evil@api.example.org:8080", None),
        ("https://app.example.org.evil.example", None),
        ("https://evilapp.example.org", None),
        ("https://app.example.org:444", None),
        ("https://app.example.org:443", None),
        ("http://app.example.org", None),
        ("https://APP.example.org", None),
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
    ("origin", "host", "scheme"),
    [
        ("https://api.example.org", "api.example.org", "https"),
        ("https://api.example.org", "api.example.org:443", "https"),
        ("http://api.example.org", "api.example.org:80", "http"),
        ("http://api.example.org", "api.example.org", None),
        ("https://api.example.org", "API.example.org", None),
        ("http://[::1]:8080", "[::1]:8080", "http"),
    ],
)
def test_the_scheme_s_own_port_goes_without_saying(
    origin: str, host: str, scheme: Literal["http", "https"] | None
) -> None:
    check(origin, host=host, scheme=scheme)


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("https://api.example.org", "api.example.org:80", "https"),
        ("https://api.example.org", "api.example.org", "http"),
        ("http://api.example.org", "api.example.org", "https"),
        ("https://", "", "https"),
        ("ftp://api.example.org", "api.example.org", None),
    ],
)
def test_the_same_host_by_another_scheme_or_port_is_another_site(
    origin: str, host: str, scheme: Literal["http", "https"] | None
) -> None:
    with pytest.raises(AppError) as caught:
        check(origin, host=host, scheme=scheme)
    assert caught.value.code == "cross_site_request"


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
