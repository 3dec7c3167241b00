"""ZIP layouts whose files are nowhere, as files that Python's zipfile and others can read."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.zip_layout import Slice, ZipLayout
from tseeder_jobs.domain.crc import combine

AT = datetime(2026, 11, 20, 10, 30, 58, tzinfo=UTC)
MIB = 1 << 20
GIB = 1 << 30
ZEROS = bytes(MIB)


@dataclass(frozen=True)
class Entry:
    """A file: `content`, and after it as many zeros."""

    name: str
    content: bytes = b""
    zeros: int = 0

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.content) + self.zeros

    @property
    def crc32(self) -> int:
        """Of all of it, without making it."""
        if not self.zeros:
            return zlib.crc32(self.content)
        whole, rest = divmod(self.zeros, MIB)
        parts = [(zlib.crc32(self.content), len(self.content)), *[(zlib.crc32(ZEROS), MIB)] * whole]
        return combine([*parts, (zlib.crc32(bytes(rest)), rest)])

    def read(self, wanted: ByteRange) -> bytes:
        """These bytes."""
        begun = self.content[wanted.first : wanted.last + 1]
        return begun + bytes(wanted.length - len(begun))


def layout_of(entries: Sequence[Entry], at: datetime = AT) -> ZipLayout:
    """Of an archive of them, in their order."""
    layout = ZipLayout(at)
    for number, entry in enumerate(entries):
        layout.add(
            entry.name,
            size_bytes=entry.size,
            crc32=entry.crc32,
            file_index=number,
            entry_id=number.to_bytes(16),
        )
    layout.close()
    return layout


class VirtualZip(io.RawIOBase):
    """The archive as a file; nothing of it is made before it is read."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.layout = layout_of(entries)
        self._at = 0

    def range(self, wanted: ByteRange) -> bytes:
        """Bytes of it."""
        pieces = self.layout.pieces(wanted)
        return b"".join(piece.before + (self.slice(piece.slice) if piece.slice else b"") for piece in pieces)

    def slice(self, wanted: Slice) -> bytes:
        """Bytes of one of its files."""
        return self.entries[wanted.file_index].read(wanted.range)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.layout.size_bytes}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        last = min(self._at + len(buffer), self.layout.size_bytes) - 1
        if last < self._at:
            return 0
        data = self.range(ByteRange(self._at, last))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
