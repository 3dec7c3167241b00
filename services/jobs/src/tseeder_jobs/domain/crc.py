"""CRC32 of a whole from the CRC32 of its parts, without reading them again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

# Reflected polynomial of zlib, gzip and S3's CRC32; bit 31 stands for x**0.
_POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31


def combine(parts: Iterable[tuple[int, int]]) -> int:
    """The CRC32 of the bytes whose consecutive parts have `(crc32, size_bytes)`; 0 for no parts.

    A part's CRC moves left by 8 * size bits, which is a product with x**(8 * size) modulo the polynomial (zlib's
    crc32_combine does the same); parts of one size, as uploads have them, cost one product each.
    """
    whole = 0
    for crc32, size_bytes in parts:
        whole = _multiply(_shift(size_bytes), whole) ^ crc32
    return whole


def _multiply(a: int, b: int) -> int:
    """a * b modulo the polynomial, over GF(2)."""
    product = 0
    mask = _ONE
    while mask:
        if a & mask:
            product ^= b
        mask >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


@cache
def _power(exponent: int) -> int:
    """x ** (2 ** exponent)."""
    if exponent == 0:
        return 1 << 30
    half = _power(exponent - 1)
    return _multiply(half, half)


def _shift(size_bytes: int) -> int:
    """x ** (8 * size_bytes)."""
    result = _ONE
    exponent = 3
    while size_bytes:
        if size_bytes & 1:
            result = _multiply(_power(exponent), result)
        size_bytes >>= 1
        exponent += 1
    return result
