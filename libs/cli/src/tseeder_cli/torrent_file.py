"""Reads a .torrent that the user trusts, to check stored bytes against its hashes (BEP 3, BEP 52)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tseeder_cli.errors import CliError

DEEPEST = 100


@dataclass(frozen=True)
class Entry:
    """One file as the info dictionary lists it; `index` counts pads too. `root` is v2's, empty without one."""

    index: int
    size_bytes: int
    is_pad: bool = False
    root: bytes = b""


@dataclass(frozen=True)
class TorrentFile:
    """`pieces`: the SHA-1 of each piece, 20 bytes each; empty for a torrent of v2 alone."""

    piece_length: int
    pieces: bytes
    entries: tuple[Entry, ...]


def read_torrent(content: bytes) -> TorrentFile:
    """What a .torrent says of its pieces. CliError if it is none."""
    try:
        root, end = _decode(content, 0, 0)
        info = root[b"info"]
        piece_length = info[b"piece length"]
        if end != len(content) or piece_length <= 0:
            raise ValueError("trailing bytes, or no piece length")
        entries = _v1_entries(info) if b"pieces" in info else _v2_entries(info[b"file tree"])
        return TorrentFile(piece_length, info.get(b"pieces", b""), entries)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CliError(f"this .torrent is not understood: {error}", code="bad_torrent") from error


def info_of(content: bytes) -> tuple[bytes, bool, bool]:
    """The raw info dictionary of a .torrent, and whether it is one of v1, of v2. CliError if it is none."""
    try:
        if content[:1] != b"d":
            raise ValueError("it is no dictionary")
        at = 1
        while content[at : at + 1] != b"e":
            name, start = _decode(content, at, 1)
            value, at = _decode(content, start, 1)
            if name == b"info":
                return content[start:at], b"pieces" in value, value.get(b"meta version") == 2
        raise ValueError("it has no info dictionary")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CliError(f"this .torrent is not understood: {error}", code="bad_torrent") from error


def _v1_entries(info: dict[bytes, Any]) -> tuple[Entry, ...]:
    if b"files" not in info:
        return (Entry(0, info[b"length"]),)
    return tuple(
        Entry(index, item.get(b"length", 0), is_pad=b"p" in item.get(b"attr", b""))
        for index, item in enumerate(info[b"files"])
    )


def _v2_entries(tree: dict[bytes, Any]) -> tuple[Entry, ...]:
    leaves: list[dict[bytes, Any]] = []
    pending: list[dict[bytes, Any]] = [tree]
    while pending:
        node = pending.pop()
        if b"" in node:
            leaves.append(node[b""])
        else:
            pending.extend(node[key] for key in sorted(node, reverse=True))
    return tuple(
        Entry(index, leaf.get(b"length", 0), root=leaf.get(b"pieces root", b"")) for index, leaf in enumerate(leaves)
    )


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """The bencoded value at `at`, and where it ends."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        return _decode_many(data, at + 1, depth + 1, is_dict=kind == b"d")
    colon = data.index(b":", at, at + 12)
    start = colon + 1
    end = start + int(data[at:colon])
    if end > len(data):
        raise ValueError("cut short")
    return data[start:end], end


def _decode_many(data: bytes, at: int, depth: int, *, is_dict: bool) -> tuple[Any, int]:
    values: list[Any] = []
    while data[at : at + 1] != b"e":
        value, at = _decode(data, at, depth)
        values.append(value)
    if is_dict:
        return dict(zip(values[::2], values[1::2], strict=True)), at + 1
    return values, at + 1
