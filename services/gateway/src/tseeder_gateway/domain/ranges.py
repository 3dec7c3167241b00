"""The Range header (RFC 9110, section 14) against a file's size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_RANGES: Final = 5
"""More than these in one request are answered with the whole file, as RFC 9110 (14.2) allows."""

_MAX_HEADER_CHARS: Final = 8192
_MAX_DIGITS: Final = 19  # enough for 2^63-1; more digits are past the end of any file
_BEYOND: Final = 10**_MAX_DIGITS
_SPEC: Final = re.compile(r"([0-9]*)-([0-9]*)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` to `last` of a file, both inclusive, both inside it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Bytes in it; at least 1."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """The value of Content-Range for this part of a file of `size` bytes."""
        return f"bytes {self.first}-{self.last}/{size}"


def satisfiable(header: str | None, size: int) -> tuple[ByteRange, ...] | None:
    """The parts of a file of `size` bytes that a Range header asks for, in its order.

    None: there is nothing to go by (no header, another unit, bad syntax, more than MAX_RANGES, or more bytes in all
    than the file has), so the whole file is the answer. Empty: no part of it exists, so the answer is 416.
    """
    specs = _specs(header)
    if specs is None or len(specs) > MAX_RANGES:
        return None
    found = tuple(part for part in (_resolve(spec, size) for spec in specs) if part is not None)
    if not found and size == 0 and any(spec[0] is None and spec[1] != 0 for spec in specs):
        # A suffix of an empty file is the whole file, and no Content-Range can say that.
        return None
    if len(found) > 1 and sum(part.length for part in found) > size:
        return None
    return found


def _specs(header: str | None) -> list[tuple[int | None, int | None]] | None:
    """(first, last) for each spec, with None where the number is left out; None for a header to be ignored."""
    if header is None or len(header) > _MAX_HEADER_CHARS:
        return None
    unit, equals, listed = header.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = []
    for item in listed.split(","):
        text = item.strip(" \t")
        if not text:
            continue  # RFC 9110, 5.6.1: empty elements of a list are skipped
        spec = _spec(text)
        if spec is None:
            return None
        specs.append(spec)
    return specs or None


def _spec(text: str) -> tuple[int | None, int | None] | None:
    match = _SPEC.fullmatch(text)
    if match is None:
        return None
    first, last = (_number(digits) for digits in match.groups())
    if first is None and last is None:
        return None
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _number(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0")
    return _BEYOND if len(significant) > _MAX_DIGITS else int(significant or "0")


def _resolve(spec: tuple[int | None, int | None], size: int) -> ByteRange | None:
    first, last = spec
    if first is None:
        length = min(last or 0, size)
        return ByteRange(size - length, size - 1) if length else None
    if first >= size:
        return None
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))
