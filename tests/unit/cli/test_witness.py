"""Checking stored bytes against a torrent's own hashes. The torrents are made by the testkit, with hashlib alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.unit.cli.wires import file
from tseeder_cli.demo.witness import KnownSums, NoSource, Witness, merkle_root, witness_of
from tseeder_cli.errors import CliError
from tseeder_cli.torrent_file import read_torrent
from tseeder_testkit.torrents import FileSpec, TorrentSpec, Version, write_torrent

KIB = 1024
FILES = (
    FileSpec("b/large.bin", 300 * KIB + 7),
    FileSpec("a.txt", 5),
    FileSpec("empty", 0),
    FileSpec("block.bin", 16 * KIB),
    FileSpec("z/last.bin", 64 * KIB),
)


def stored_of(torrent: bytes, contents: dict[str, bytes], paths: list[list[str]]) -> list[tuple[int, bytes]]:
    """The stored files as (index, bytes): every entry of the torrent that is no pad, in its order."""
    entries = [entry for entry in read_torrent(torrent).entries if not entry.is_pad]
    return [(entry.index, contents["/".join(path)]) for entry, path in zip(entries, paths, strict=True)]


def show(witness: Witness, stored: list[tuple[int, bytes]]) -> list[str]:
    """Show everything to `witness`, in pieces of odd sizes; returns its verdict."""
    for index, content in stored:
        witness.begin(file(file_index=index, size_bytes=len(content)))
        for at in range(0, len(content), 10_007):
            witness.feed(content[at : at + 10_007])
        witness.end(hashlib.sha256(content).hexdigest())
    return witness.verdict()


@pytest.fixture(params=["v1", "hybrid", "v2"])
def torrent(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bytes, list[tuple[int, bytes]]]:
    version: Version = request.param
    sample = write_torrent(tmp_path, TorrentSpec(files=FILES, version=version, piece_length=32 * KIB))
    contents = {
        spec.path: sample.path_of(made).read_bytes()
        for spec in FILES
        for made in sample.files
        if made.path == spec.path
    }
    paths = [made.path.split("/") for made in sample.files]
    content = sample.torrent_bytes()
    return content, stored_of(content, contents, paths)


def test_right_bytes_are_right(torrent: tuple[bytes, list[tuple[int, bytes]]]) -> None:
    content, stored = torrent
    assert sum(len(data) for _, data in stored) == sum(spec.size for spec in FILES)
    assert show(witness_of(read_torrent(content)), stored) == []


def test_one_wrong_bit_is_seen(torrent: tuple[bytes, list[tuple[int, bytes]]]) -> None:
    content, stored = torrent
    index, data = next((index, data) for index, data in stored if len(data) == 64 * KIB)
    broken = [(at, (data[:-1] + bytes([data[-1] ^ 1])) if at == index else kept) for at, kept in stored]
    assert len(show(witness_of(read_torrent(content)), broken)) == 1


def test_a_missing_file_is_seen(torrent: tuple[bytes, list[tuple[int, bytes]]]) -> None:
    content, stored = torrent
    for left_out in range(len(stored)):
        kept = stored[:left_out] + stored[left_out + 1 :]
        wrong = show(witness_of(read_torrent(content)), kept)
        assert bool(wrong) is bool(stored[left_out][1])  # nobody misses an empty file's bytes


def test_a_file_of_another_size_is_seen(torrent: tuple[bytes, list[tuple[int, bytes]]]) -> None:
    content, stored = torrent
    for change in (b"", b"more"):
        broken = [(at, data + change if change else data[:-1]) if len(data) == 5 else (at, data) for at, data in stored]
        assert show(witness_of(read_torrent(content)), broken)


def test_known_sums() -> None:
    sums = {"a/b": (3, hashlib.sha256(b"abc").hexdigest()), "c": (0, hashlib.sha256(b"").hexdigest())}
    stored = {"a/b": b"abc", "c": b""}

    def verdict(contents: dict[str, bytes]) -> list[str]:
        witness = KnownSums(sums)
        for path, content in contents.items():
            witness.begin(file(path=path.split("/")))
            witness.feed(content)
            witness.end(hashlib.sha256(content).hexdigest())
        return witness.verdict()

    assert verdict(stored) == []
    assert verdict({"a/b": b"abd", "c": b""})[0].startswith("a/b: 3 bytes")
    assert verdict({"c": b""}) == ["a/b: is not stored"]
    assert verdict({**stored, "d": b""}) == ["d: not a file of the source"]


def test_without_a_source_nothing_is_claimed() -> None:
    assert NoSource().knows == ""
    assert show(NoSource(), [(0, b"x")]) == []


def test_merkle_roots_are_filled_up_with_zero_leaves() -> None:
    leaves = [hashlib.sha256(bytes([at])).digest() for at in range(5)]
    assert merkle_root(leaves) == merkle_root([*leaves, *[bytes(32)] * 3])
    assert merkle_root(leaves[:1]) == leaves[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"d4:infod6:lengthi1e",
        b"i3e",
        b"l" * 5000,
        b"d4:infode",
        b"d4:infod12:piece lengthi0e6:pieces0:6:lengthi1eee",
        b"d4:infod6:lengthi1e12:piece lengthi16384e6:pieces0:eetrailing",
        b"9999999999999:x",
    ],
)
def test_what_is_no_torrent_is_an_error(content: bytes) -> None:
    with pytest.raises(CliError) as caught:
        read_torrent(content)
    assert caught.value.code == "bad_torrent"
