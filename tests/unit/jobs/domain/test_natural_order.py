"""The natural order: what people expect, and that it is an order whatever the names are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_jobs.domain.natural_order import natural_key, natural_places
from tseeder_jobs.domain.paths import folder_path

Path = tuple[str, ...]


def in_order(paths: list[Path]) -> list[Path]:
    places = natural_places(paths)
    return [path for _, path in sorted(zip(places, paths, strict=True))]


def split(*texts: str) -> list[Path]:
    return [folder_path(text) for text in texts]


@pytest.mark.parametrize(
    "ordered",
    [
        split("1.mkv", "2.mkv", "10.mkv", "a.mkv"),
        split("S1E2", "s1e10", "S2E1"),
        split("01.mp3", "1.mp3", "002.mp3", "2.mp3", "10.mp3"),
        split("9" * 400, "1" + "0" * 400),
        split("v1.9.txt", "v1.10.txt"),
        split("a.txt", "B.txt", "c.txt"),
        split("B/1", "b/1", "A"),
        split("disc 2/1", "disc 10/1", "cover.jpg"),
        split("a/z/9", "a/b", "a b/1", "a.txt"),
        split("٢.mkv", "３.mkv", "10.mkv", "१२.mkv"),
        split("eclair", "e\u0301clair", "\u00e9clair", "fig"),
        split("straße 2", "STRASSE 10"),
        split("x", "x1", "x 1"),
    ],
    ids=lambda ordered: " < ".join("/".join(path)[:12] for path in ordered),
)
def test_what_people_expect(ordered: list[Path]) -> None:
    shuffled = list(ordered)
    random.Random(1).shuffle(shuffled)
    assert in_order(shuffled) == ordered


def test_forms_of_one_name_are_one_key() -> None:
    for name, other in (
        ("\u00dcn\u00ef", "u\u0308ni\u0308"),
        ("Ａ１", "a1"),
        ("ﬁn", "FIN"),
        ("007", "7"),
        ("٠٧", "7"),
        ("00", "0"),
    ):
        assert natural_key(name) == natural_key(other)


names = st.text(
    st.one_of(st.sampled_from("aAbB019 .-éÉ\u0301\x01\x7f٣３²½ßİ\u202e"), st.characters(blacklist_categories=["Cs"])),
    min_size=1,
    max_size=6,
).filter(lambda name: not set(name) & set("/\\\0") and name not in (".", ".."))
few_names = st.sampled_from(["a", "A", "a1", "a01", "a10", "a2", "é", "e\u0301", "\x01", "1", "01", "x.mkv"])


@st.composite
def torrents(draw: st.DrawFn) -> list[Path]:
    """Distinct paths, none of which is a folder of another."""
    drawn = draw(st.lists(st.lists(st.one_of(few_names, names), min_size=1, max_size=4).map(tuple), max_size=25))
    folders = {path[:depth] for path in drawn for depth in range(1, len(path))}
    return [path for path in dict.fromkeys(drawn) if path not in folders]


@given(torrents(), st.randoms(use_true_random=False))
def test_it_is_one_order_whatever_order_the_paths_come_in(paths: list[Path], chance: random.Random) -> None:
    places = dict(zip(paths, natural_places(paths), strict=True))
    assert sorted(place.rank for place in places.values()) == list(range(len(paths)))
    shuffled = list(paths)
    chance.shuffle(shuffled)
    assert dict(zip(shuffled, natural_places(shuffled), strict=True)) == places


@given(torrents())
def test_a_folder_is_a_range_in_which_folders_come_first(paths: list[Path]) -> None:
    ordered = in_order(paths)
    for depth in range(4):
        for folder in {path[:depth] for path in ordered if len(path) > depth}:
            inside = [at for at, path in enumerate(ordered) if path[:depth] == folder and len(path) > depth]
            assert inside == list(range(inside[0], inside[-1] + 1))
            are_files = [len(ordered[at]) == depth + 1 for at in inside]
            assert are_files == sorted(are_files)


@given(torrents())
def test_what_is_shared_with_the_file_before_says_where_folders_begin(paths: list[Path]) -> None:
    shared = [place.shared_folders for place in sorted(natural_places(paths))]
    ordered = in_order(paths)
    for at, path in enumerate(ordered):
        before = ordered[at - 1] if at else ()
        assert path[: shared[at]] == before[: shared[at]]
        assert shared[at] < len(path)
        further = path[shared[at] : -1][:1]
        assert not further or further != before[shared[at] : -1][:1]
