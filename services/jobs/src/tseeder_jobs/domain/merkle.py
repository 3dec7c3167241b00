"""The hash trees of BitTorrent v2 (BEP 52): from a file's piece layer to its `pieces root`."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

BLOCK_BYTES: Final = 16 * 1024
"""Bytes under one leaf."""
HASH_BYTES: Final = 32


def root_of_layer(layer: bytes, piece_length: int) -> bytes:
    """The `pieces root` above `layer`, the hashes of a file's pieces, 32 bytes each.

    The row is filled up to a power of two with the root of a piece of zero leaves, as BEP 52 has it.
    """
    sha256 = hashlib.sha256
    row = [layer[at : at + HASH_BYTES] for at in range(0, len(layer), HASH_BYTES)]
    level = (piece_length // BLOCK_BYTES).bit_length() - 1
    while len(row) > 1:
        if len(row) % 2:
            row.append(_zero_root(level))
        row = [sha256(row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
        level += 1
    return row[0]


@cache
def _zero_root(level: int) -> bytes:
    """The root of 2**level leaves that are all zero."""
    root = bytes(HASH_BYTES)
    for _ in range(level):
        root = hashlib.sha256(root + root).digest()
    return root
