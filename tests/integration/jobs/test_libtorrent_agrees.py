"""Our reader and libtorrent say the same of the same torrents: what the one stores is what the other downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tseeder_jobs.domain.torrent import Metainfo, parse_info, parse_torrent
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.bencoding import bencode
from tseeder_testkit.libtorrent_view import view
from tseeder_testkit.torrents import FileSpec, TorrentSpec, Version, write_torrent

MANY = tuple(
    FileSpec(path, size)
    for path, size in {"zé/b": 300_000, "a": 1, "empty": 0, "m": 65_536, "zz/x/y": 10, "zz/x/z": 0}.items()
)
ONE = (FileSpec("one.bin", 70_000),)


def _agree(meta: Metainfo, data: bytes, *, folder: bool = True) -> None:
    theirs = view(data)
    assert (meta.info_hash_v1 or "", meta.info_hash_v2 or "") == (theirs.info_hash_v1, theirs.info_hash_v2)
    assert (meta.piece_count, meta.private) == (theirs.piece_count, theirs.private)
    ours = [("/".join((meta.name, *file.path) if folder else file.path), file.size_bytes) for file in meta.entries]
    assert ours == [(path, size) for path, _, size in theirs.places]
    # Where an empty file stands means nothing, and agents match by offset and size.
    assert [(file.piece_offset, file.size_bytes) for file in meta.entries if file.size_bytes] == [
        (offset, size) for _, offset, size in theirs.places if size
    ]


@pytest.mark.parametrize("version", ["v1", "hybrid", "v2"])
@pytest.mark.parametrize("files", [MANY, ONE], ids=["many", "one"])
def test_torrents_of_the_testkit(tmp_path: Path, version: Version, files: tuple[FileSpec, ...]) -> None:
    single = files is ONE
    name = "one.bin" if single else "näme"
    spec = TorrentSpec(files, version=version, single=single, piece_length=32_768, private=True, name=name)
    made = write_torrent(tmp_path, spec)
    data = made.torrent.read_bytes()
    meta = parse_torrent(data)
    _agree(meta, data, folder=not single)
    assert (meta.info_hash_v1, meta.info_hash_v2, meta.info) == (made.info_hash_v1, made.info_hash_v2, made.info)
    assert [file.piece_offset for file in meta.entries if file.size_bytes] == [f.offset for f in made.files if f.size]
    assert meta.total_bytes == made.total_size
    bare = parse_info(meta.info, meta.piece_layers or None)
    assert (bare.files, bare.layers_known) == (meta.files, True)


def test_pads_in_plain_v1_and_odd_piece_lengths() -> None:
    items = [raw.v1_file(["a"], 1000), raw.v1_file([".pad", "24"], 24, attr="p"), raw.v1_file(["b"], 3000)]
    data = raw.torrent(raw.v1_info_of(items, piece_length=1000, pieces=bytes(20 * 5)))
    _agree(parse_torrent(data), data)


def test_keys_out_of_order() -> None:
    info = bencode(raw.v1_single("one.bin", 10))
    data = b"d4:info" + info + b"8:announce22:http://t.example.com/ae"
    _agree(parse_torrent(data), data, folder=False)


def test_names_in_utf8_beside_legacy_ones() -> None:
    data = raw.torrent(raw.v1_info_of([raw.v1_file([b"\xc4\xe3"], 5, path_utf8=["你"])], name=b"x", name_utf8="ä"))
    _agree(parse_torrent(data), data)
