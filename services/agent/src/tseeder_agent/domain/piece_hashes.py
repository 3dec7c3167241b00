"""The hashes of pieces, so that what was read from the scratch disk is checked once more before it goes up.

v1 and hybrid torrents are checked by SHA-1 per piece. v2 torrents are checked by the hash tree of BEP 52: the root
above a piece's 16 KiB blocks must equal the piece layer's hash, or `pieces root` for a file of at most one piece.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

BLOCK = 16 * 1024
SHA1_SIZE = 20
SHA256_SIZE = 32


class PieceHasher(Protocol):
    """Fed with the bytes of one piece, in order."""

    def update(self, data: memoryview, /) -> None: ...

    def matches(self) -> bool:
        """Whether what was fed is the piece. Call it once, at the end."""
        ...


class PieceHashes(Protocol):
    """What is known of a torrent's pieces."""

    def size(self, piece: int) -> int:
        """How many bytes of the piece are hashed: all of it, less what lies behind the torrent's or the file's end."""
        ...

    def hasher(self, piece: int) -> PieceHasher | None:
        """A fresh hasher; None while the piece's hash is not known (v2 by magnet, layers still to come)."""
        ...


class V1Hashes:
    """From `pieces` of the info dictionary. Pads count as zeros."""

    def __init__(self, pieces: bytes, piece_length: int, total_bytes: int) -> None:
        self._pieces = pieces
        self._piece_length = piece_length
        self._total = total_bytes

    def size(self, piece: int) -> int:
        return min(self._piece_length, self._total - piece * self._piece_length)

    def hasher(self, piece: int) -> PieceHasher | None:
        return _Sha1Hasher(self._pieces[piece * SHA1_SIZE : (piece + 1) * SHA1_SIZE])


class _Sha1Hasher:
    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._hash = hashlib.sha1(usedforsecurity=False)

    def update(self, data: memoryview, /) -> None:
        self._hash.update(data)

    def matches(self) -> bool:
        return self._hash.digest() == self._wanted


@dataclass(frozen=True, slots=True)
class V2File:
    """A file of a v2 torrent: where it starts in piece space (always at a piece), its size, its `pieces root`."""

    offset: int
    size: int
    root: bytes


class V2Hashes:
    """From the file tree, and the piece layers by root (for the files that are longer than a piece)."""

    def __init__(self, files: Iterable[V2File], piece_length: int, layers: Mapping[bytes, bytes]) -> None:
        self._piece_length = piece_length
        self._files = sorted((file for file in files if file.size), key=lambda file: file.offset)
        self._starts = [file.offset for file in self._files]
        self._layers = dict(layers)

    def learn(self, layers: Mapping[bytes, bytes]) -> None:
        """Add piece layers that came later. They must have been verified against their roots."""
        self._layers.update(layers)

    def size(self, piece: int) -> int:
        file = self._file(piece)
        return min(self._piece_length, file.offset + file.size - piece * self._piece_length)

    def hasher(self, piece: int) -> PieceHasher | None:
        file = self._file(piece)
        if file.size <= self._piece_length:
            return _TreeHasher(file.root, _power_of_two(-(-file.size // BLOCK)))
        place = piece - file.offset // self._piece_length
        layer = self._layers.get(file.root, b"")
        wanted = layer[place * SHA256_SIZE : (place + 1) * SHA256_SIZE]
        return _TreeHasher(wanted, self._piece_length // BLOCK) if len(wanted) == SHA256_SIZE else None

    def _file(self, piece: int) -> V2File:
        return self._files[bisect_right(self._starts, piece * self._piece_length) - 1]


class _TreeHasher:
    def __init__(self, wanted: bytes, width: int) -> None:
        self._wanted = wanted
        self._width = width
        self._leaves: list[bytes] = []
        self._tail = b""

    def update(self, data: memoryview, /) -> None:
        if self._tail:
            missing = BLOCK - len(self._tail)
            self._tail += bytes(data[:missing])
            data = data[missing:]
            if len(self._tail) < BLOCK:
                return
            self._leaves.append(hashlib.sha256(self._tail).digest())
        whole = len(data) - len(data) % BLOCK
        self._leaves += [hashlib.sha256(data[at : at + BLOCK]).digest() for at in range(0, whole, BLOCK)]
        self._tail = bytes(data[whole:])

    def matches(self) -> bool:
        if self._tail:
            self._leaves.append(hashlib.sha256(self._tail).digest())
        return merkle_root(self._leaves, self._width) == self._wanted


def merkle_root(leaves: Sequence[bytes], width: int, pad: bytes = bytes(SHA256_SIZE)) -> bytes:
    """The root above `leaves`, filled up with `pad` to `width` of them (a power of two)."""
    row = [*leaves, *([pad] * (width - len(leaves)))]
    while len(row) > 1:
        row = [hashlib.sha256(row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


def layer_is_right(layer: bytes, root: bytes, piece_length: int) -> bool:
    """Whether `layer`, a file's hashes per piece, leads to its `pieces root`."""
    if not layer or len(layer) % SHA256_SIZE:
        return False
    hashes = [layer[at : at + SHA256_SIZE] for at in range(0, len(layer), SHA256_SIZE)]
    pad = merkle_root([], piece_length // BLOCK)
    return merkle_root(hashes, _power_of_two(len(hashes)), pad) == root


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()
