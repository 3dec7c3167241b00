"""Where the bytes of piece space lie on the scratch disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slot:
    """A file as libtorrent lays it out: its number, its place in piece space; pads are never written to disk."""

    number: int
    offset: int
    size: int
    pad: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """`size` bytes at `start` of staged file `number`; number None is zeros that no file holds."""

    number: int | None
    start: int
    size: int


class StagedLayout:
    """The slots of one torrent in order of piece space."""

    def __init__(self, slots: Iterable[Slot]) -> None:
        self._slots = sorted((slot for slot in slots if slot.size), key=lambda slot: slot.offset)
        self._starts = [slot.offset for slot in self._slots]
        self.total_bytes = max((slot.offset + slot.size for slot in self._slots), default=0)

    def spans(self, offset: int, size: int) -> Iterator[Span]:
        """Where `size` bytes at `offset` lie, in order; what no slot covers is zeros."""
        at, end = offset, offset + size
        index = max(0, bisect_right(self._starts, at) - 1)
        while at < end and index < len(self._slots):
            slot = self._slots[index]
            index += 1
            if slot.offset + slot.size <= at:
                continue
            if slot.offset > at:
                gap = min(slot.offset, end) - at
                yield Span(None, 0, gap)
                at += gap
            length = min(slot.offset + slot.size, end) - at
            if length > 0:
                yield Span(None if slot.pad else slot.number, at - slot.offset, length)
                at += length
        if at < end:
            yield Span(None, 0, end - at)

    def holds(self, offset: int, size: int) -> bool:
        """Whether one real file has exactly this place: how entries of jobs and files of libtorrent are matched."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return False
        slot = self._slots[index]
        return not slot.pad and (slot.offset, slot.size) == (offset, size)
