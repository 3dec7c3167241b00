"""A strict bencode reader for bytes that strangers wrote.

It is iterative, so that no input can exhaust the interpreter's stack, and it counts what it makes. It refuses what
would let two readers see two different torrents: integers and lengths with leading zeros, `-0`, duplicate keys,
trailing bytes. Keys out of order are let through: old clients write them, the info-hash is taken over the raw bytes,
and with duplicates refused the order carries no meaning. Where it does (the v2 file tree), torrent.py refuses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from tseeder_kit.errors import AppError, Kind

Bvalue = int | bytes | list["Bvalue"] | dict[bytes, "Bvalue"]
Span = tuple[int, int]

# An int64 has 19 digits; BEP 3 sets no limit, but every field that we know is a count, a size or a date.
_INTEGER: Final = re.compile(rb"(0|-?[1-9][0-9]*)e")
_INTEGER_DIGITS: Final = 20
_INT64: Final = 1 << 63
_LENGTH: Final = re.compile(rb"(0|[1-9][0-9]*):")
_LENGTH_DIGITS: Final = 20
_HTML: Final = re.compile(rb"\s*(<!doctype|<html|<head|<body|<\?xml|<!--)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost: bytes, levels of nesting, and tokens (each integer, string, key and container)."""

    size_bytes: int = 10_000_000
    depth: int = 32
    tokens: int = 1_000_000


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded value, and where the values of its outermost dictionary stand: key -> (start, end) in the input."""

    value: Bvalue
    spans: dict[bytes, Span]


def refused(code: str, message: str, **details: object) -> AppError:
    """The error for a torrent that is not taken: `code` gets the prefix `torrent_`."""
    kind = Kind.TOO_LARGE if code == "too_large" else Kind.INVALID
    return AppError(kind, f"torrent_{code}", message, {name: str(value) for name, value in details.items()})


def decode(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Decode one whole document. Raises AppError with a code `torrent_*`, INVALID or TOO_LARGE."""
    _refuse_foreign(data, limits)
    return _Reader(data, limits).run()


def _refuse_foreign(data: bytes, limits: Limits) -> None:
    if not data:
        raise refused("empty", "The file is empty.")
    if len(data) > limits.size_bytes:
        raise refused("too_large", f"A .torrent may have {limits.size_bytes} bytes at most.", size_bytes=len(data))
    if data[:2] == b"\x1f\x8b":
        raise refused("is_gzip", "This is a gzip archive; unpack it and send the .torrent inside.")
    if _HTML.match(data[:1024]):
        raise refused("is_html", "This is a web page, not a .torrent; the link probably wants a login.")
    if data[:1] not in b"dli0123456789":
        raise refused("not_bencode", "This is not a .torrent file.", offset=0)


class _Reader:
    """One pass over one document. `stack` holds the open containers, `keys` the pending key of each (None: a list)."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self.at = 0
        self.tokens = 0
        self.stack: list[list[Bvalue] | dict[bytes, Bvalue]] = []
        self.keys: list[bytes | None] = []
        self.spans: dict[bytes, Span] = {}
        self.value_start = 0

    def run(self) -> Document:
        data, stack = self.data, self.stack
        while True:
            if self.tokens > self.limits.tokens:
                raise refused("too_many_tokens", f"The file has more than {self.limits.tokens} values.")
            kind = data[self.at : self.at + 1]
            if kind == b"e":
                value = self._close()
            elif stack and self.keys[-1] is None and type(stack[-1]) is dict:
                self._key()
                continue
            elif kind in b"dl" and kind:
                self._open(kind)
                continue
            else:
                self._mark()
                value = self._integer() if kind == b"i" else self._string()
            if not stack:
                return self._finish(value)
            self._place(value)

    def _open(self, kind: bytes) -> None:
        if len(self.stack) >= self.limits.depth:
            raise refused("too_deep", f"The file nests deeper than {self.limits.depth} levels.", offset=self.at)
        self._mark()
        self.tokens += 1
        self.at += 1
        self.stack.append({} if kind == b"d" else [])
        self.keys.append(None)

    def _close(self) -> Bvalue:
        if not self.stack:
            self._malformed()
        if self.keys[-1] is not None:  # a key without a value
            self._malformed()
        self.at += 1
        self.keys.pop()
        return self.stack.pop()

    def _key(self) -> None:
        key = self._string()
        holder = self.stack[-1]
        if key in holder:
            raise refused("duplicate_key", "A dictionary of the file has the same key twice.", offset=self.at)
        self.keys[-1] = key

    def _place(self, value: Bvalue) -> None:
        holder = self.stack[-1]
        if isinstance(holder, list):
            holder.append(value)
            return
        key = self.keys[-1]
        assert key is not None  # noqa: S101 - run() reads the key first
        holder[key] = value
        self.keys[-1] = None
        if len(self.stack) == 1:
            self.spans[key] = (self.value_start, self.at)

    def _mark(self) -> None:
        """Remember where a value of the outermost dictionary begins."""
        if len(self.stack) == 1:
            self.value_start = self.at

    def _string(self) -> bytes:
        self.tokens += 1
        found = _LENGTH.match(self.data, self.at, self.at + _LENGTH_DIGITS + 1)
        if found is None:
            self._bad_length()
        start = found.end()
        end = start + int(found[1])
        if end > len(self.data):
            raise refused("truncated", "The file ends in the middle; it was not copied whole.", offset=self.at)
        self.at = end
        return self.data[start:end]

    def _bad_length(self) -> NoReturn:
        rest = self.data[self.at : self.at + _LENGTH_DIGITS + 1]
        if rest.isdigit() and len(rest) <= _LENGTH_DIGITS and not (rest[:1] == b"0" and len(rest) > 1):
            raise refused("truncated", "The file ends in the middle; it was not copied whole.", offset=self.at)
        if not rest:
            raise refused("truncated", "The file ends in the middle; it was not copied whole.", offset=self.at)
        if rest[:1].isdigit():
            raise refused("bad_string_length", "A string's length in the file is malformed.", offset=self.at)
        self._malformed()

    def _integer(self) -> int:
        self.tokens += 1
        start = self.at + 1
        found = _INTEGER.match(self.data, start, start + _INTEGER_DIGITS + 1)
        if found is None:
            self._bad_integer(start)
        value = int(found[1])
        if not -_INT64 <= value < _INT64:
            raise refused("integer_too_long", "A number in the file does not fit 64 bits.", offset=self.at)
        self.at = found.end()
        return value

    def _bad_integer(self, start: int) -> NoReturn:
        rest = self.data[start : start + _INTEGER_DIGITS + 1]
        digits = rest.removeprefix(b"-")
        if len(rest) > _INTEGER_DIGITS and digits.isdigit() and digits[:1] != b"0":
            raise refused("integer_too_long", "A number in the file does not fit 64 bits.", offset=start - 1)
        if start + len(rest) == len(self.data) and re.fullmatch(rb"-?|0|-?[1-9][0-9]*", rest):
            raise refused("truncated", "The file ends in the middle; it was not copied whole.", offset=start - 1)
        raise refused("bad_integer", "A number in the file is malformed.", offset=start - 1)

    def _malformed(self) -> NoReturn:
        raise refused("not_bencode", "This is not a .torrent file, or it is damaged.", offset=self.at)

    def _finish(self, value: Bvalue) -> Document:
        if self.at != len(self.data):
            raise refused("trailing_bytes", "Bytes follow the end of the torrent in the file.", offset=self.at)
        return Document(value, self.spans)
