"""File indexes of a torrent as a query writes them: `0-3,7`."""

from __future__ import annotations

import re
from typing import Final

from tseeder_kit.errors import AppError, FieldError, invalid

MAX_RANGES: Final = 256
PATTERN: Final = "^([0-9]{1,7}(-[0-9]{1,7})?(,[0-9]{1,7}(-[0-9]{1,7})?)*)?$"
"""Of the query's value; an empty one is none."""
_TERM: Final = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", re.ASCII)


def file_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The ranges of indexes, both inclusive, as they come. Raises AppError INVALID `bad_file_ranges`."""
    terms = text.split(",")
    if len(terms) > MAX_RANGES:
        raise _wrong(f"At most {MAX_RANGES} ranges of files are taken.")
    return tuple(_range(term) for term in terms)


def _range(term: str) -> tuple[int, int]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise _wrong("Files are named by their indexes, as in 0-3,7.")
    first = int(match[1])
    last = int(match[2] or match[1])
    if last < first:
        raise _wrong("A range of files goes from an index to the same or a higher one.")
    return first, last


def _wrong(message: str) -> AppError:
    return invalid("bad_file_ranges", message, fields=(FieldError("files", "bad_file_ranges", message),))
