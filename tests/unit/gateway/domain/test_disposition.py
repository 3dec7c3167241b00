"""File names in headers."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_gateway.domain.disposition import FALLBACK_NAME, MAX_NAME_BYTES, content_disposition, safe_name

VALUE = re.compile(
    r"""(inline|attachment); filename="([ -!#-\[\]-~]+)"(; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?"""
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.mkv", 'attachment; filename="film.mkv"'),
        ("Füße.mkv", "attachment; filename=\"Fu_e.mkv\"; filename*=UTF-8''F%C3%BC%C3%9Fe.mkv"),
        ("映画.mp4", "attachment; filename=\"__.mp4\"; filename*=UTF-8''%E6%98%A0%E7%94%BB.mp4"),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%25.txt", "attachment; filename=\"100_25.txt\"; filename*=UTF-8''100%2525.txt"),
        ("a\r\nSet-Cookie: x=1.txt", 'attachment; filename="a__Set-Cookie: x=1.txt"'),
        ("a\\b/c.txt", 'attachment; filename="a_b_c.txt"'),
        ("．．／a", "attachment; filename=\".._a\"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E%EF%BC%8Fa"),
        ("．．", "attachment; filename=\"download\"; filename*=UTF-8''%EF%BC%8E%EF%BC%8E"),
    ],
)
def test_the_header_says_the_name_and_nothing_else(name: str, expected: str) -> None:
    assert content_disposition(name, inline=False) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "...", " ", "\0", "\u202e", "/", "\ud800"])
def test_what_is_no_name_gets_one(name: str) -> None:
    assert safe_name(name) == FALLBACK_NAME


def test_marks_that_turn_the_direction_are_not_kept() -> None:
    assert safe_name("invoice\u202efdp.exe") == "invoice_fdp.exe"


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("ü" * 500 + ".mkv")
    assert name.endswith(".mkv")
    assert len(name.encode()) <= MAX_NAME_BYTES


@given(name=st.text(max_size=300), inline=st.booleans())
def test_any_name_makes_a_header_that_is_well_formed(name: str, inline: bool) -> None:
    value = content_disposition(name, inline=inline)
    match = VALUE.fullmatch(value)
    assert match, value
    assert match[1] == ("inline" if inline else "attachment")
    assert (unquote(match[4]) if match[4] else match[2]) == safe_name(name)
