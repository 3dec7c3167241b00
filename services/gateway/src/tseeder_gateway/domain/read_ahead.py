"""In what steps an archive is read: large files one by one as they are taken, small ones many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tseeder_gateway.domain.zip_layout import Piece, Slice

SMALL_BYTES: Final = 256 * 1024
"""Of a file larger than this nothing is read ahead."""
BATCH_BYTES: Final = 1024 * 1024
BATCH_FILES: Final = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive pieces: small ones, of BATCH_BYTES and BATCH_FILES at most, or a single large one."""

    pieces: tuple[Piece, ...]

    @property
    def slices(self) -> list[Slice]:
        """What is to be read for it."""
        return [piece.slice for piece in self.pieces if piece.slice is not None]

    @property
    def large(self) -> Piece | None:
        """Its piece, if that is a large one."""
        (first, *_) = self.pieces
        return first if _bytes_of(first) > SMALL_BYTES else None


def batches(pieces: Iterable[Piece]) -> Iterator[Batch]:
    """The same pieces in the same order."""
    gathered: list[Piece] = []
    held = 0
    for piece in pieces:
        size = len(piece.before) + _bytes_of(piece)
        is_large = _bytes_of(piece) > SMALL_BYTES
        if gathered and (is_large or held + size > BATCH_BYTES or len(gathered) == BATCH_FILES):
            yield Batch(tuple(gathered))
            gathered, held = [], 0
        if is_large:
            yield Batch((piece,))
        else:
            gathered.append(piece)
            held += size
    if gathered:
        yield Batch(tuple(gathered))


def _bytes_of(piece: Piece) -> int:
    return piece.slice.range.length if piece.slice is not None else 0
