"""What the parser processes answer says the same on the other side."""

from __future__ import annotations

import pytest

from tseeder_jobs.adapters import parser_wire as wire
from tseeder_jobs.domain.torrent import parse_info, parse_torrent
from tseeder_testkit import raw_torrents as raw

SIZES = {"a/é": 1, "b": 100_000, "c": 0}


@pytest.mark.parametrize(
    "data",
    [
        raw.torrent(raw.v1_single("x", 5, private=1)),
        raw.v2_torrent(SIZES),
        raw.hybrid_torrent(SIZES, announce="http://t.example.com/a", url_list="http://s.example.com/"),
        raw.torrent(
            raw.v1_info_of(
                [
                    raw.v1_file(["a"], 5),
                    raw.v1_file(["l"], 0, attr="l", length=None, symlink_path=["a"]),
                    raw.v1_file([], 3, attr="p"),
                ]
            )
        ),
    ],
    ids=["v1", "v2", "hybrid", "pads and symlinks"],
)
def test_a_torrent_comes_back_as_it_was_read(data: bytes) -> None:
    meta = parse_torrent(data)
    assert wire.decode_metainfo(wire.encode_metainfo(meta, data), data, None) == meta


def test_info_bytes_come_back_with_and_without_layers() -> None:
    meta = parse_torrent(raw.v2_torrent(SIZES))
    for layers in (None, meta.piece_layers):
        read = parse_info(meta.info, layers)
        assert wire.decode_metainfo(wire.encode_metainfo(read, meta.info), meta.info, layers) == read


def test_what_is_no_answer_is_refused() -> None:
    for message in ([b"{}"], [b"x"], [b"[]"], [b'{"crash": "MemoryError"}'], [b'{"meta": {}}']):
        with pytest.raises(wire.WireError):
            wire.decode_metainfo(message, b"", None)
    with pytest.raises(wire.WireError):
        wire.field_count(b"\0\0\0\x09")
    with pytest.raises(wire.WireError):
        wire.lengths(b"\xff\xff\xff\xff")
