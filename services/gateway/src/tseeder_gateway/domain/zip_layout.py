"""Where each byte of a ZIP archive stands, before any of it is made.

Entries are stored, not compressed, and their sizes and CRC32s are known, so every header is known, and so is the length
of the whole; any range of it is made without the bytes before it. By PKWARE's APPNOTE 6.3.10; the numbers in comments
are its sections. No data descriptors (4.3.9): they are for those who do not know the CRC32 beforehand.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tseeder_gateway.domain.ranges import ByteRange

_LOCAL: Final = struct.Struct("<4s5H3I2H")  # 4.3.7
_RECORD: Final = struct.Struct("<4s6H3I5H2I")  # 4.3.12
_END: Final = struct.Struct("<4s4H2IH")  # 4.3.16
_END64: Final = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
_LOCATOR64: Final = struct.Struct("<4sIQI")  # 4.3.15

_MAX_16: Final = 0xFFFF
_MAX_32: Final = 0xFFFFFFFF
"""These say "look in the zip64 record", so a true value must be below them."""

_UTF8: Final = 1 << 11  # 4.4.4, bit 11
_ZIP64_EXTRA: Final = 0x0001  # 4.5.3
_PLAIN_VERSION, _ZIP64_VERSION = 20, 45  # 4.4.3
_UNIX: Final = 3 << 8  # 4.4.2: external attributes are those of Unix
_REGULAR_FILE: Final = 0o100644 << 16
_FIRST_YEAR, _LAST_YEAR = 1980, 2107
_DIRECTORY_BYTES: Final = 64 * 1024
_FORMAT: Final = b"tseeder zip 1"
"""Goes into the ETag: whoever changes a byte of what is made here changes it, so that no resume mixes the two."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `range` of one file. `size_bytes` and `crc32` are of the whole."""

    file_index: int
    size_bytes: int
    crc32: int
    range: ByteRange

    @property
    def whole(self) -> bool:
        """Whether all of the file is in it, so that its CRC32 can be checked."""
        return self.range.length == self.size_bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of an archive: `before` is ours (headers), and then come those of a file, if any do."""

    before: bytes
    slice: Slice | None = None


class ZipLayout:
    """An archive; entries are added one by one, and `close` ends it. It takes about 48 bytes an entry, and its name."""

    def __init__(self, at: datetime) -> None:
        self._time, self._date = _dos_time(at)
        self._names = bytearray()
        self._name_ends = array("Q")
        self._sizes = array("Q")
        self._crc32s = array("I")
        self._file_indexes = array("I")
        self._starts = array("Q")  # of local headers
        self._records = array("Q")  # of the central directory's records, from its start
        self._directory_start = 0
        self._directory_bytes = 0
        self._tail = b""
        self._hash = hashlib.sha256(_FORMAT + struct.pack("<2H", self._time, self._date))

    def add(self, name: str, *, size_bytes: int, crc32: int, file_index: int, entry_id: bytes) -> None:
        """The next entry. `entry_id` names its bytes."""
        encoded = name.encode()
        at = self._directory_start
        self._names += encoded
        self._name_ends.append(len(self._names))
        self._sizes.append(size_bytes)
        self._crc32s.append(crc32)
        self._file_indexes.append(file_index)
        self._starts.append(at)
        self._records.append(self._directory_bytes)
        is_large = size_bytes >= _MAX_32
        self._directory_start = at + _LOCAL.size + len(encoded) + (20 if is_large else 0) + size_bytes
        extra = len(_extra(size_bytes, at))
        self._directory_bytes += _RECORD.size + len(encoded) + extra
        self._hash.update(struct.pack("<QIH", size_bytes, crc32, len(encoded)) + encoded + entry_id)

    def close(self) -> None:
        """No more entries come."""
        self._tail = self._end()

    @property
    def size_bytes(self) -> int:
        """Of the whole archive."""
        return self._directory_start + self._directory_bytes + len(self._tail)

    @property
    def etag(self) -> str:
        """Strong, with its quotes: equal for archives that are equal to the byte."""
        return f'"{self._hash.hexdigest()[:32]}"'

    @property
    def memory_bytes(self) -> int:
        """What it holds."""
        columns = (
            self._name_ends,
            self._sizes,
            self._crc32s,
            self._file_indexes,
            self._starts,
            self._records,
        )
        return len(self._names) + sum(column.itemsize * len(column) for column in columns)

    def pieces(self, wanted: ByteRange) -> Iterator[Piece]:
        """The bytes `wanted`, in order."""
        if wanted.first < self._directory_start:
            yield from self._entries(wanted)
        at, end = self._directory_start, self._directory_start + self._directory_bytes
        if wanted.first < end and wanted.last >= at:
            yield from self._directory(ByteRange(max(wanted.first - at, 0), min(wanted.last, end - 1) - at))
        if wanted.last >= end:
            yield Piece(self._tail[max(wanted.first - end, 0) : wanted.last - end + 1])

    def _entries(self, wanted: ByteRange) -> Iterator[Piece]:
        for number in range(bisect_right(self._starts, wanted.first) - 1, len(self._starts)):
            at = self._starts[number]
            if at > wanted.last:
                return
            header = self._local_header(number)
            first, last = wanted.first - at, wanted.last - at
            before = header[max(first, 0) : last + 1]
            size = self._sizes[number]
            begin, end = max(first - len(header), 0), min(last - len(header), size - 1)
            if begin > end:
                if before:
                    yield Piece(before)
                continue
            part = Slice(self._file_indexes[number], size, self._crc32s[number], ByteRange(begin, end))
            yield Piece(before, part)

    def _directory(self, wanted: ByteRange) -> Iterator[Piece]:
        """`wanted` counts from its start. In pieces of some size: it has a record for each entry."""
        number = bisect_right(self._records, wanted.first) - 1
        at = self._records[number]
        while number < len(self._records) and at <= wanted.last:
            made = bytearray()
            while number < len(self._records) and len(made) < _DIRECTORY_BYTES:
                made += self._record(number)
                number += 1
            yield Piece(bytes(made[max(wanted.first - at, 0) : wanted.last - at + 1]))
            at += len(made)

    def _name(self, number: int) -> bytes:
        begin = self._name_ends[number - 1] if number else 0
        return bytes(self._names[begin : self._name_ends[number]])

    def _local_header(self, number: int) -> bytes:
        name, size = self._name(number), self._sizes[number]
        # 4.5.3: a local header has both sizes in it, or none.
        extra = struct.pack("<2H2Q", _ZIP64_EXTRA, 16, size, size) if size >= _MAX_32 else b""
        shown = min(size, _MAX_32)
        version = _ZIP64_VERSION if extra else _PLAIN_VERSION
        fixed = _LOCAL.pack(
            b"PK\x03\x04",
            version,
            _UTF8,
            0,  # stored
            self._time,
            self._date,
            self._crc32s[number],
            shown,
            shown,
            len(name),
            len(extra),
        )
        return fixed + name + extra

    def _record(self, number: int) -> bytes:
        name, size, at = self._name(number), self._sizes[number], self._starts[number]
        extra = _extra(size, at)
        version = _ZIP64_VERSION if extra else _PLAIN_VERSION
        shown = min(size, _MAX_32)
        fixed = _RECORD.pack(
            b"PK\x01\x02",
            _UNIX | version,
            version,
            _UTF8,
            0,
            self._time,
            self._date,
            self._crc32s[number],
            shown,
            shown,
            len(name),
            len(extra),
            0,  # no comment
            0,  # on the first disk
            0,  # no internal attributes
            _REGULAR_FILE,
            min(at, _MAX_32),
        )
        return fixed + name + extra

    def _end(self) -> bytes:
        count, size, at = len(self._starts), self._directory_bytes, self._directory_start
        end = _END.pack(
            b"PK\x05\x06",
            0,
            0,
            min(count, _MAX_16),
            min(count, _MAX_16),
            min(size, _MAX_32),
            min(at, _MAX_32),
            0,
        )
        if count < _MAX_16 and size < _MAX_32 and at < _MAX_32:
            return end
        made_by = _UNIX | _ZIP64_VERSION
        end64 = _END64.pack(b"PK\x06\x06", _END64.size - 12, made_by, _ZIP64_VERSION, 0, 0, count, count, size, at)
        return end64 + _LOCATOR64.pack(b"PK\x06\x07", 0, at + size, 1) + end


def _extra(size: int, at: int) -> bytes:
    """Of a directory's record, 4.5.3: the fields that do not fit, in this order, and no others."""
    values = [*((size, size) if size >= _MAX_32 else ()), *((at,) if at >= _MAX_32 else ())]
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_EXTRA, 8 * len(values), *values) if values else b""


def _dos_time(at: datetime) -> tuple[int, int]:
    """(time, date) as 4.4.6 has them: steps of two seconds, years 1980 to 2107; of UTC, which it does not name."""
    if at.year < _FIRST_YEAR:
        return 0, 1 << 5 | 1
    year = min(at.year, _LAST_YEAR)
    return at.hour << 11 | at.minute << 5 | at.second // 2, (year - _FIRST_YEAR) << 9 | at.month << 5 | at.day
