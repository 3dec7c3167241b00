"""Torrents that are taken: what is read from them. And that no bytes at all break the reader."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tseeder_jobs.domain.torrent import Metainfo, MetaVersion, parse_info, parse_torrent
from tseeder_kit.errors import AppError
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.bencoding import bencode

SIZES = {"a": 1, "b/long": 100_000, "b/x": 0, "c": 32_768}


def _places(meta: Metainfo) -> list[tuple[int, str, int, int]]:
    return [(file.file_index, "/".join(file.path), file.size_bytes, file.piece_offset) for file in meta.entries]


def test_v1_files_lie_end_to_end() -> None:
    info = raw.v1_info([(["b", "é"], 40_000), (["a"], 0), (["c"], 7)], private=1)
    meta = parse_torrent(raw.torrent(info))
    assert _places(meta) == [(0, "b/é", 40_000, 0), (1, "a", 0, 40_000), (2, "c", 7, 40_000)]
    assert (meta.version, meta.private, meta.name) == (MetaVersion.V1, True, "sample")
    assert (meta.total_bytes, meta.piece_space_bytes, meta.piece_count) == (40_007, 40_007, 2)
    assert meta.info == bencode(info)
    assert meta.info_hash_v1 == hashlib.sha1(bencode(info), usedforsecurity=False).hexdigest()
    assert (meta.info_hash_v2, meta.piece_layers, meta.layers_known) == (None, b"", True)


def test_a_single_file_is_called_as_the_torrent() -> None:
    meta = parse_torrent(raw.torrent(raw.v1_single("film.mkv", 5)))
    assert _places(meta) == [(0, "film.mkv", 5, 0)]
    assert not meta.private


def test_v2_files_begin_at_pieces_in_the_order_of_the_tree() -> None:
    meta = parse_torrent(raw.v2_torrent(SIZES))
    assert _places(meta) == [
        (0, "a", 1, 0),
        (1, "b/long", 100_000, 32_768),
        (2, "b/x", 0, 132_768),
        (3, "c", 32_768, 163_840),
    ]
    assert (meta.version, meta.piece_count, meta.piece_space_bytes, meta.total_bytes) == ("v2", 6, 196_608, 132_769)
    assert meta.info_hash_v2 == hashlib.sha256(meta.info).hexdigest()
    assert meta.info_hash_v1 is None
    assert meta.piece_layers == bencode(raw.layers_of(SIZES))


def test_a_hybrid_counts_as_v1_does_with_its_pads() -> None:
    meta = parse_torrent(raw.hybrid_torrent(SIZES))
    assert [file.is_pad for file in meta.files] == [False, True, False, False, True, False]
    assert _places(meta)[0] == (0, "a", 1, 0)
    assert _places(meta)[-1] == (5, "c", 32_768, 163_840)
    assert meta.version is MetaVersion.HYBRID
    assert meta.info_hash_v1
    assert meta.info_hash_v2
    assert meta.total_bytes == sum(SIZES.values())


def test_info_bytes_alone_say_the_same_but_for_what_is_around_them() -> None:
    whole = parse_torrent(raw.hybrid_torrent(SIZES, announce="http://t.example.com/a"))
    bare = parse_info(whole.info)
    assert not bare.layers_known
    assert (bare.files, bare.info_hash_v1, bare.info_hash_v2) == (whole.files, whole.info_hash_v1, whole.info_hash_v2)
    checked = parse_info(whole.info, whole.piece_layers)
    assert checked.layers_known
    assert (checked.trackers, checked.piece_layers) == ((), whole.piece_layers)
    with pytest.raises(AppError, match="torrent_missing_piece_layers"):
        parse_info(whole.info, b"de")


def test_symlinks_and_pads_take_an_index_and_are_no_entries() -> None:
    link = raw.v1_file(["link"], 0, attr="l", length=None, symlink_path=["b", "file"])
    items = [raw.v1_file(["a"], 5), raw.v1_file(["p"], 9, attr="xp"), link, raw.v1_file(["b", "file"], 6, attr="x")]
    meta = parse_torrent(raw.torrent(raw.v1_info_of(items)))
    assert _places(meta) == [(0, "a", 5, 0), (3, "b/file", 6, 14)]
    assert [file.is_symlink for file in meta.files] == [False, False, True, False]
    assert (meta.total_bytes, meta.piece_space_bytes) == (11, 20)


def test_names_prefer_utf8_and_legacy_bytes_stay_distinct() -> None:
    items = [
        raw.v1_file([b"\xc4\xe3"], 1, path_utf8=["你"]),
        raw.v1_file([b"\xff\xfe"], 1, path_utf8=[b"\xff"]),
        raw.v1_file([b"caf\xe9"], 1),
        raw.v1_file([b"caf\xe8"], 1),
    ]
    meta = parse_torrent(raw.torrent(raw.v1_info_of(items, name=b"\xe4", name_utf8="ä")))
    assert [file.path[0] for file in meta.files] == ["你", "%FF%FE", "caf%E9", "caf%E8"]
    assert meta.name == "ä"


def test_names_for_eyes_may_hold_what_is_no_danger() -> None:
    odd = ["a:b", "...", " x ", "\r\n", '"', "~", "con"]
    meta = parse_torrent(raw.torrent(raw.v1_info([([name], 1) for name in odd])))
    assert [file.path[0] for file in meta.files] == odd


def test_keys_out_of_order_change_nothing() -> None:
    info = bencode(raw.v1_single("file", 10))
    assert parse_torrent(b"d4:info" + info + b"8:announce22:http://t.example.com/ae").info == info


def test_trackers_are_those_that_may_be_asked() -> None:
    many = [[f"udp://t{number}.example.com:80"] for number in range(60)]
    tiers = [["wss://t.example.com", "HTTP://t.example.com/a?passkey=x", b"\xff", 5, "", "no url"], *many, many[0]]
    meta = parse_torrent(raw.torrent(raw.v1_single("f", 1), announce="http://t.example.com/a", announce_list=tiers))
    assert meta.trackers[:3] == ("http://t.example.com/a", "HTTP://t.example.com/a?passkey=x", many[0][0])
    assert len(meta.trackers) == len(set(meta.trackers)) == 50


def test_private_hosts_are_taken_where_they_are_admitted() -> None:
    data = raw.torrent(raw.v1_single("f", 1), announce="http://127.0.0.1:6969/a", url_list="http://localhost/f")
    meta = parse_torrent(data, admit_private=True)
    assert (meta.trackers, meta.web_seeds) == (("http://127.0.0.1:6969/a",), ("http://localhost/f",))


def test_the_largest_torrents_are_taken() -> None:
    meta = parse_torrent(raw.torrent(raw.v1_single("x", 200_000 * 16_384, piece_length=16_384)))
    assert meta.piece_count == 200_000


KEYS = st.sampled_from(
    [
        b"", b"info", b"name", b"length", b"files", b"path", b"attr", b"pieces", b"private", b"announce", b"url-list",
        b"announce-list", b"symlink path", b"piece length", b"piece layers", b"meta version", b"file tree",
        b"pieces root", b"path.utf-8", b"name.utf-8", b"a",
    ]
)  # fmt: skip
LEAVES = st.sampled_from([0, 1, 2, -1, 16_384, 2**62, b"", b"a", b"..", b"l", b"p", bytes(20), bytes(32)])
TREES = st.recursive(LEAVES, lambda t: st.lists(t, max_size=4) | st.dictionaries(KEYS, t, max_size=6), max_leaves=25)


@given(st.fixed_dictionaries({b"info": st.dictionaries(KEYS, TREES, max_size=8)}, optional={b"piece layers": TREES}))
@settings(max_examples=150)
def test_any_structure_is_taken_or_refused_with_a_code(value: Any) -> None:
    assert _taken_or_code(bencode(value))


GOOD = [raw.torrent(raw.v1_info([(["a", "b"], 70_000), (["c"], 1)])), raw.v2_torrent(SIZES), raw.hybrid_torrent(SIZES)]


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4))
@settings(max_examples=150)
def test_any_damage_is_taken_or_refused_with_a_code(good: bytes, damage: list[tuple[float, int]]) -> None:
    data = bytearray(good)
    for place, byte in damage:
        data[int(place * len(data))] = byte
    assert _taken_or_code(bytes(data))


def _taken_or_code(data: bytes) -> bool:
    try:
        meta = parse_torrent(data)
    except AppError as exc:
        return exc.code.startswith("torrent_")
    return meta.piece_count > 0 and bool(meta.entries)


@given(
    st.dictionaries(
        st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join),
        st.integers(0, 200_000),
        min_size=1,
        max_size=12,
    )
)
def test_a_hybrid_v1_and_v2_place_files_alike(sizes: dict[str, int]) -> None:
    apart = {path: size for path, size in sizes.items() if not any(path.startswith(f"{other}/") for other in sizes)}
    if not any(apart.values()):
        apart["z"] = 1
    v2, hybrid = parse_torrent(raw.v2_torrent(apart)), parse_torrent(raw.hybrid_torrent(apart))

    def places(meta: Metainfo) -> list[tuple[tuple[str, ...], int]]:
        return [(file.path, file.piece_offset) for file in meta.entries if file.size_bytes]

    assert places(v2) == places(hybrid)
    assert (v2.piece_count, v2.total_bytes) == (hybrid.piece_count, hybrid.total_bytes)
