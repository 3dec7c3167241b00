"""In what steps an archive is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.read_ahead import BATCH_BYTES, BATCH_FILES, SMALL_BYTES, batches
from tseeder_gateway.domain.zip_layout import Piece, Slice

SIZES = st.one_of(st.integers(1, 5000), st.sampled_from([SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 10**12]))


def piece(size: int) -> Piece:
    """A file with its header."""
    return Piece(bytes(50), Slice(0, size, 0, ByteRange(0, size - 1)) if size else None)


@given(st.lists(st.one_of(st.just(0), SIZES), max_size=300))
def test_all_pieces_in_order_and_no_step_too_large(sizes: list[int]) -> None:
    pieces = [piece(size) for size in sizes]
    made = list(batches(pieces))
    assert [each for batch in made for each in batch.pieces] == pieces
    for batch in made:
        held = sum(each.range.length for each in batch.slices)
        if batch.large is not None:
            assert (batch.pieces, held > SMALL_BYTES) == ((batch.large,), True)
        else:
            assert held <= BATCH_BYTES
            assert len(batch.pieces) <= BATCH_FILES


def test_small_files_come_many_at_a_time() -> None:
    assert [len(batch.pieces) for batch in batches(piece(1000) for _ in range(250))] == [100, 100, 50]
