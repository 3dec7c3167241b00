"""Entity tags and conditions (RFC 9110, 8.8.3 and 13.1)."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.conditions import match_fails, none_match, range_applies, strong_etag

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("*", True),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x"', False),
        ("abc", False),
        ('"a,b", "abc"', True),
        ("", False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, expected: bool) -> None:
    assert none_match(header, TAG) is expected


def test_a_header_of_nothing_is_read_in_one_pass() -> None:
    # Were each blank a place to begin anew, this would take hours.
    assert not none_match("x" + " " * 3_000_000 + "x", TAG)


@pytest.mark.parametrize(
    ("header", "fails"),
    [
        (None, False),
        ("*", False),
        ('"abc"', False),
        ('W/"abc"', True),
        ('"x"', True),
        ("abc", True),
        ('"x","abc"', False),
    ],
)
def test_if_match_compares_strongly(header: str | None, fails: bool) -> None:
    assert match_fails(header, TAG) is fails


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, True), (TAG, True), ('W/"abc"', False), ('"old"', False), ("Wed, 21 Oct 2015 07:28:00 GMT", False)],
)
def test_a_stale_if_range_gives_the_whole(header: str | None, expected: bool) -> None:
    assert range_applies(header, TAG) is expected


@pytest.mark.parametrize("opaque", ["abc", '"abc"', '"a b\r\nc"', 'a"bc'])
def test_an_etag_is_always_a_safe_strong_tag(opaque: str) -> None:
    assert strong_etag(opaque) == TAG
