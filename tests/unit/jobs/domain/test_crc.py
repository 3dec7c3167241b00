"""The CRC32 of a whole from those of its parts."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from tseeder_jobs.domain.crc import combine


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_parts_combine_to_the_whole(parts: list[bytes]) -> None:
    assert combine((zlib.crc32(part), len(part)) for part in parts) == zlib.crc32(b"".join(parts))


def test_large_parts_combine() -> None:
    size = 8 << 20
    zeros = zlib.crc32(bytes(size))
    assert combine([(zeros, size)] * 3 + [(zlib.crc32(b"end"), 3)]) == zlib.crc32(b"end", zlib.crc32(bytes(3 * size)))
