"""The hash trees of BitTorrent v2 (BEP 52), written from the specification and not from the library under test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

BLOCK = 16 * 1024
"""Bytes under one leaf."""
ZERO = bytes(32)


def root(hashes: Sequence[bytes], width: int, pad: bytes = ZERO) -> bytes:
    """The root above `hashes`, filled up with `pad` to `width` leaves (a power of two)."""
    row = [*hashes, *([pad] * (width - len(hashes)))]
    while len(row) > 1:
        row = [hashlib.sha256(row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


def power_of_two(count: int) -> int:
    """The smallest power of two that is not below `count` (>= 1)."""
    return 1 << (count - 1).bit_length()


class FileTree:
    """The tree of one file, fed in order with its bytes."""

    def __init__(self, piece_length: int) -> None:
        self._piece_length = piece_length
        self._leaves: list[bytes] = []
        self._tail = b""

    def feed(self, data: bytes) -> None:
        data = self._tail + data
        whole = len(data) - len(data) % BLOCK
        view = memoryview(data)
        self._leaves += [hashlib.sha256(view[i : i + BLOCK]).digest() for i in range(0, whole, BLOCK)]
        self._tail = data[whole:]

    def close(self) -> tuple[bytes, bytes]:
        """(`pieces root`, `piece layer`); the layer is empty for a file of at most one piece."""
        if self._tail:
            self._leaves.append(hashlib.sha256(self._tail).digest())
            self._tail = b""
        blocks = self._piece_length // BLOCK
        if len(self._leaves) <= blocks:
            return root(self._leaves, power_of_two(len(self._leaves))), b""
        layer = [root(self._leaves[i : i + blocks], blocks) for i in range(0, len(self._leaves), blocks)]
        return root(layer, power_of_two(len(layer)), root([], blocks)), b"".join(layer)
