"""Parts of entries, and the pieces that they lie on.

Piece space is the torrent's bytes as its pieces count them, pads included. Pieces span files, parts do not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """`size` bytes that go up as one: part `number` (from 1) of an entry, or all of it (`number` 0).

    `offset` is its place in piece space, `start` its place in the entry's file.
    """

    offset: int
    size: int
    start: int
    file_index: int
    number: int

    @property
    def key(self) -> PartKey:
        return PartKey(self.file_index, self.number)

    @property
    def end(self) -> int:
        """One past its last byte in piece space."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True, order=True)
class PartKey:
    """Names a part: `number` 0 is the whole file by one PUT."""

    file_index: int
    number: int


def parts_of(file_index: int, offset: int, size: int, part_size: int) -> list[Part]:
    """The parts of an entry of `size` bytes at `offset`, in order; none for an entry of 0 bytes.

    `part_size` 0 means one PUT of the whole, which is part number 0.
    """
    if size == 0:
        return []
    if part_size == 0:
        return [Part(offset=offset, size=size, start=0, file_index=file_index, number=0)]
    return [
        Part(offset + start, min(part_size, size - start), start, file_index, number)
        for number, start in enumerate(range(0, size, part_size), start=1)
    ]


def pieces_of(offset: int, size: int, piece_length: int) -> range:
    """The pieces that overlap `size` bytes at `offset` of piece space."""
    if size == 0:
        return range(0)
    return range(offset // piece_length, (offset + size - 1) // piece_length + 1)


def overlap(offset: int, size: int, piece: int, piece_length: int) -> int:
    """How many bytes of `piece` lie within `size` bytes at `offset`."""
    low = max(offset, piece * piece_length)
    high = min(offset + size, (piece + 1) * piece_length)
    return max(0, high - low)
