"""What the readers of one torrent need next: a window of pieces ahead of each, capped, and none behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_AHEAD_BYTES: Final = 8 * 1024 * 1024
LEAST_AHEAD: Final = 2
"""Pieces: the one that is waited for, and the next."""
MOST_AHEAD: Final = 128
"""Pieces, where they are small."""


@dataclass(frozen=True, slots=True)
class Window:
    """Pieces `first` to `last`, of which `first` is waited for."""

    first: int
    last: int


class ReadWindows:
    """Each reader is known by a number of its own. Several may read the same pieces."""

    def __init__(self, piece_length: int) -> None:
        self._ahead = min(MOST_AHEAD, max(LEAST_AHEAD, MOST_AHEAD_BYTES // piece_length))
        self._windows: dict[int, Window] = {}
        self._next = 0

    def enter(self) -> int:
        """A new reader, which needs nothing yet."""
        self._next += 1
        return self._next

    def move(self, reader: int, first: int, last: int) -> range:
        """The reader waits for piece `first`, and will go on to `last`. The pieces that are new in its window."""
        before = self._windows.get(reader)
        window = self._windows[reader] = Window(first, min(last, first + self._ahead - 1))
        if before is None or not before.first <= first <= before.last + 1:
            return range(window.first, window.last + 1)
        return range(before.last + 1, window.last + 1)

    @property
    def any(self) -> bool:
        """Whether anybody reads."""
        return bool(self._windows)

    def leave(self, reader: int) -> bool:
        """It needs nothing more; whether it did."""
        return self._windows.pop(reader, None) is not None

    def slots(self) -> dict[int, int]:
        """How many pieces come before each wanted piece, for the reader to whom it is nearest."""
        found: dict[int, int] = {}
        for window in self._windows.values():
            for slot, piece in enumerate(range(window.first, window.last + 1)):
                found[piece] = min(slot, found.get(piece, slot))
        return found
