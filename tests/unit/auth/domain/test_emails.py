"""Addresses: what is one, and which are the same."""

import pytest

from tseeder_auth.domain.emails import parse_email
from tseeder_kit.errors import AppError


@pytest.mark.parametrize(
    "twin",
    [
        "kate@example.org",
        " Kate@Example.ORG ",
        "KATE@EXAMPLE.ORG",
        "\u212aate@example.org",  # KELVIN SIGN
        "ｋａｔｅ@example.org",
        "kate@ｅｘａｍｐｌｅ.org",
        "kate@example。org",  # IDEOGRAPHIC FULL STOP, a dot in domains
    ],
)
def test_twins_have_one_key(twin: str) -> None:
    assert parse_email(twin).key == "kate@example.org"
    assert parse_email(twin).shown == twin.strip()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("straße@x.org", "STRASSE@x.org"),
        ("e\u0301@x.org", "\u00e9@x.org"),
        ("\u0130@x.org", "i\u0307@x.org"),
        ("ﬁ@x.org", "FI@x.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("ς@x.org", "Σ@x.org"),
    ],
)
def test_pairs_of_twins(first: str, second: str) -> None:
    assert parse_email(first).key == parse_email(second).key


def test_a_key_is_its_own_key() -> None:
    for text in ("\u0345\u1fb3@x.org", "ᾳΑΙ@x.org", "Ǆ@x.org", "ſ@x.org"):
        key = parse_email(text).key
        assert parse_email(key).key == key


def test_different_people_stay_different() -> None:
    keys = {parse_email(text).key for text in ("a.b@x.org", "ab@x.org", "a+b@x.org", "a@y.org", "а@x.org")}
    assert len(keys) == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a\0@b",
        "a\r\nb@c",
        "a\u200b@b",
        "a\u202e@b",
        "a＠b@c",
        "a@" + "b" * 64 + ".org",
        "a" * 65 + "@b.org",
        "a@" + "b." * 130 + "c",
        "x" * 1_000_000,
        "<a@b>",
        '"a"@b',
        "a@[127.0.0.1]",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AppError) as caught:
        parse_email(text)
    assert caught.value.code == "bad_email"
