"""Torrents of one content under many names: each is another torrent to everybody, and only one has to be made."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from tests.bench.results import BenchError
from tseeder_testkit.bencoding import bdecode, bencode
from tseeder_testkit.torrents import MIB, FileSpec, Sample, TorrentSpec, write_torrent

PIECE_LENGTH = MIB


def make_single(folder: Path, mib: int) -> Sample:
    """A torrent of one file of `mib` MiB. Blocking, about 250 MiB/s."""
    name = f"bench-{mib}.bin"
    spec = TorrentSpec((FileSpec(name, mib * MIB),), name=name, single=True, piece_length=PIECE_LENGTH, seed=mib)
    return write_torrent(folder, spec)


def make_many(folder: Path, files: int) -> Sample:
    """A torrent of so many files of 1 MiB. Blocking."""
    specs = tuple(FileSpec(f"{number // 100:03}/{number:05}.bin", MIB) for number in range(files))
    return write_torrent(folder, TorrentSpec(specs, name="bench-many", piece_length=PIECE_LENGTH, seed=files))


def renamed(sample: Sample, name: str, tracker: str) -> Sample:
    """The same content as a torrent (with that tracker) of another name, and so another info-hash."""
    info = bdecode(sample.info)
    if not isinstance(info, dict):
        raise BenchError("the sample has no info dictionary")
    raw = bencode({**info, b"name": name.encode()})
    files = sample.files
    if b"length" in info:
        os.link(sample.path_of(files[0]), sample.root / name)
        files = (replace(files[0], path=name),)
    else:
        (sample.root / name).symlink_to(sample.root / sample.name, target_is_directory=True)
    other = replace(
        sample,
        torrent=sample.torrent.with_name(f"{name}.torrent"),
        name=name,
        info=raw,
        info_hash_v1=hashlib.sha1(raw).hexdigest(),  # noqa: S324 - BEP 3
        files=files,
    )
    other.torrent.write_bytes(other.torrent_bytes(trackers=[tracker]))
    return other


def forget(sample: Sample) -> None:
    """Remove what `renamed` made."""
    (sample.root / sample.name).unlink(missing_ok=True)
    sample.torrent.unlink(missing_ok=True)
