"""Magnets that are taken, and what is shown of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_jobs.domain.magnet import Magnet, clean_name, parse_info_hash, parse_magnet
from tseeder_kit.errors import AppError
from tseeder_testkit.bad_inputs import HASH, HASH_V2

BASE32 = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"  # of HASH


def test_hashes_in_all_their_spellings() -> None:
    for spelling in (HASH, HASH.upper(), BASE32, BASE32.lower()):
        assert parse_magnet(f"magnet:?xt=urn:btih:{spelling}") == Magnet(HASH, None)
        assert parse_info_hash(f" {spelling}\n") == Magnet(HASH, None)
    assert parse_magnet(f"MAGNET:?XT=urn%3Abtih%3A{HASH}") == Magnet(HASH, None)
    assert parse_magnet(f"magnet:?xt=urn:btmh:1220{HASH_V2}") == Magnet(None, HASH_V2)
    assert parse_info_hash(HASH_V2.upper()) == Magnet(None, HASH_V2)


def test_a_hybrid_names_both_and_repeats_are_no_conflict() -> None:
    uri = f"magnet:?xt.1=urn:btih:{HASH}&xt.2=urn:btmh:1220{HASH_V2}&xt.3=urn:btih:{BASE32}&xt=urn:ed2k:abc"
    assert parse_magnet(uri) == Magnet(HASH, HASH_V2)


def test_pasted_from_a_web_page() -> None:
    magnet = parse_magnet(f"  magnet:?xt=urn:btih:{HASH}&amp;dn=A+B%20C&amp;tr=udp%3A%2F%2Ft.example.com%3A80 ")
    assert magnet == Magnet(HASH, None, name="A B C", trackers=("udp://t.example.com:80",))


def test_trackers_and_web_seeds_are_those_that_may_be_asked() -> None:
    trackers = [f"udp://t{number}.example.com:80" for number in range(60)]
    seeds = [f"http://s{number}.example.com/x" for number in range(20)]
    odd = [
        "wss://t.example.com",
        "ftp://t.example.com",
        "nothing",
        "http://",
        "http://a b/",
        "http://t.example.com:99999/",
    ]
    uri = "magnet:?xt=urn:btih:" + HASH + "".join(f"&tr={url}" for url in [*odd, *trackers, trackers[0]])
    magnet = parse_magnet(uri + "".join(f"&ws={url}" for url in seeds) + "&tr.1=http%3A%2F%2Flast.example.com%2Fa")
    assert magnet.trackers == tuple(trackers[:50])
    assert magnet.web_seeds == tuple(seeds[:10])


def test_peers_are_taken_only_where_private_hosts_are_admitted() -> None:
    uri = f"magnet:?xt=urn:btih:{HASH}&x.pe=127.0.0.1:6881&x.pe=[::1]:6881&x.pe=nonsense&tr=http://127.0.0.1:80/a"
    assert parse_magnet(uri, admit_private=True).peers == ("127.0.0.1:6881", "[::1]:6881")
    assert parse_magnet(uri, admit_private=True).trackers == ("http://127.0.0.1:80/a",)
    assert parse_magnet(f"magnet:?xt=urn:btih:{HASH}&x.pe=8.8.8.8:6881").peers == ()


@pytest.mark.parametrize(
    ("dn", "shown"),
    [
        ("a%00b", "ab"),
        ("a%0D%0ASet-Cookie:%20x", "aSet-Cookie: x"),
        ("../../etc/passwd", "etc_passwd"),
        ("..%5C..%5Cboot.ini", "boot.ini"),
        ("photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ("%E2%81%A6x%E2%81%A9%D8%9C", "x"),
        ("AC/DC", "AC_DC"),
        ("cafe%CC%81", "caf\u00e9"),
        ("x" * 1000, "x" * 255),
        ("%FF", "\ufffd"),
        ("..", None),
        ("%20", None),
        ("👩‍💻", "👩‍💻"),
    ],
)
def test_names_are_fit_to_be_shown(dn: str, shown: str | None) -> None:
    assert parse_magnet(f"magnet:?xt=urn:btih:{HASH}&dn={dn}").name == shown


@given(st.text())
def test_a_cleaned_name_stays_as_it_is(text: str) -> None:
    cleaned = clean_name(text)
    if cleaned is not None:
        assert clean_name(cleaned) == cleaned
        cleaned.encode()


FIELDS = st.sampled_from(["xt", "dn", "tr", "ws", "x.pe", "xt.1", "so", ""])
VALUES = st.text(max_size=60) | st.sampled_from(
    [
        f"urn:btih:{HASH}",
        f"urn:btmh:1220{HASH_V2}",
        "http://[::1",
        "http://[v1.x]/",
        "udp://%00",
        "http://127.1",
        "[::]:1",
    ]
)


@given(st.lists(st.tuples(FIELDS, VALUES), max_size=8), st.booleans())
def test_any_text_is_taken_or_refused_with_a_code(fields: list[tuple[str, str]], admit: bool) -> None:
    assert _taken_or_code("magnet:?" + "&".join(f"{key}={value}" for key, value in fields), admit=admit)


@given(st.text())
def test_any_info_hash_is_taken_or_refused_with_a_code(text: str) -> None:
    try:
        assert parse_info_hash(text).info_hash_v1
    except AppError as exc:
        assert exc.code.startswith("info_hash_")  # noqa: PT017 - either is fine


def _taken_or_code(text: str, *, admit: bool) -> bool:
    try:
        magnet = parse_magnet(text, admit_private=admit)
    except AppError as exc:
        return exc.code.startswith("magnet_")
    return bool(magnet.info_hash_v1 or magnet.info_hash_v2)
