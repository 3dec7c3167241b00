"""Which bytes a warm-up fetches."""

from __future__ import annotations

import pytest

from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.usecases.warm_up import FIRST_BYTES, LAST_BYTES, ends_of


@pytest.mark.parametrize(
    ("size", "first", "last"),
    [
        (0, None, None),
        (1, ByteRange(0, 0), None),
        (FIRST_BYTES, ByteRange(0, FIRST_BYTES - 1), None),
        (FIRST_BYTES + 1, ByteRange(0, FIRST_BYTES - 1), ByteRange(FIRST_BYTES, FIRST_BYTES)),
        (1 << 40, ByteRange(0, FIRST_BYTES - 1), ByteRange((1 << 40) - LAST_BYTES, (1 << 40) - 1)),
    ],
)
def test_both_ends_and_no_byte_twice(size: int, first: ByteRange | None, last: ByteRange | None) -> None:
    assert ends_of(size) == (first, last)
