from hypothesis import given
from hypothesis import strategies as st

from tseeder_agent.domain.parts import Part, overlap, parts_of, pieces_of


def test_an_entry_by_one_put_is_one_part_with_number_zero() -> None:
    assert parts_of(3, 100, 50, 0) == [Part(offset=100, size=50, start=0, file_index=3, number=0)]


def test_the_last_part_is_what_is_left() -> None:
    assert [(part.number, part.start, part.size) for part in parts_of(0, 0, 21, 10)] == [
        (1, 0, 10),
        (2, 10, 10),
        (3, 20, 1),
    ]


def test_an_empty_entry_has_no_parts() -> None:
    assert parts_of(0, 7, 0, 10) == []
    assert parts_of(0, 7, 0, 0) == []


@given(
    offset=st.integers(0, 10**6),
    size=st.integers(1, 10**6),
    part_size=st.integers(1000, 10**5),
    piece_length=st.sampled_from([16384, 65536, 1 << 20]),
)
def test_parts_and_pieces_tile_an_entry(offset: int, size: int, part_size: int, piece_length: int) -> None:
    parts = parts_of(0, offset, size, part_size)
    assert sum(part.size for part in parts) == size
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    at = offset
    for part in parts:
        assert part.offset == at
        at += part.size
        pieces = pieces_of(part.offset, part.size, piece_length)
        assert sum(overlap(part.offset, part.size, piece, piece_length) for piece in pieces) == part.size
        assert overlap(part.offset, part.size, pieces.start - 1, piece_length) == 0
        assert overlap(part.offset, part.size, pieces.stop, piece_length) == 0
