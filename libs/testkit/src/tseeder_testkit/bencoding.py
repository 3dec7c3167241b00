"""Bencoding written out here, so that tests can make torrents that no well-behaved library would write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Bencodable = int | bytes | str | Sequence["Bencodable"] | Mapping[bytes, "Bencodable"]


def bencode(value: Bencodable) -> bytes:
    """The canonical bencoding of `value`: mapping keys are sorted as raw bytes, `str` is written as UTF-8."""
    out: list[bytes] = []
    _write(value, out)
    return b"".join(out)


def _write(value: Bencodable, out: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        out.append(b"%d:" % len(value))
        out.append(value)
    elif isinstance(value, int):
        out.append(b"i%de" % value)
    elif isinstance(value, Mapping):
        out.append(b"d")
        for key in sorted(value):
            _write(key, out)
            _write(value[key], out)
        out.append(b"e")
    elif isinstance(value, Sequence):
        out.append(b"l")
        for item in value:
            _write(item, out)
        out.append(b"e")
    else:
        raise TypeError(f"bencoding takes int, bytes, str, lists and mappings, not {type(value).__name__}")


Bdecoded = int | bytes | list["Bdecoded"] | dict[bytes, "Bdecoded"]


def bdecode(data: bytes) -> Bdecoded:
    """The value that `data` encodes; ValueError, TypeError or IndexError on anything malformed."""
    value, end = _read(data, 0)
    if end != len(data):
        raise ValueError("trailing bytes after the bencoded value")
    return value


def _read(data: bytes, at: int) -> tuple[Bdecoded, int]:
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind == b"l":
        items: list[Bdecoded] = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = _read(data, at)
            items.append(item)
        return items, at + 1
    if kind == b"d":
        pairs: dict[bytes, Bdecoded] = {}
        at += 1
        while data[at : at + 1] != b"e":
            key, at = _read(data, at)
            if not isinstance(key, bytes):
                raise TypeError("a dictionary key is not a string")
            pairs[key], at = _read(data, at)
        return pairs, at + 1
    colon = data.index(b":", at)
    start = colon + 1
    end = start + int(data[at:colon])
    return data[start:end], end
