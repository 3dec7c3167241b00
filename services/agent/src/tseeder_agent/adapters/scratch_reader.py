"""Reading parts from the scratch disk, in threads of its own, and proving that they are the torrent's bytes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from isal import isal_zlib

from tseeder_agent.domain.parts import Part, pieces_of
from tseeder_agent.domain.piece_hashes import PieceHashes
from tseeder_agent.domain.staged import StagedLayout
from tseeder_agent.domain.storage import PartBytes

CHUNK = 1 << 20
MOST_OPEN = 16
"""Files of one read that are open at once: a piece may lie on thousands of small ones."""
LEAST_DROPPED = 1 << 20
"""Smaller parts are not worth a call: the page cache sheds them by itself."""
_ZEROS = bytes(CHUNK)
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """`part` is None if a piece was wrong or could not be checked. `proved` pieces need no second check."""

    part: PartBytes | None
    proved: tuple[int, ...] = ()
    wrong: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()


class ScratchReader:
    """Reads for all transfers. Blocking work is in its threads; hashlib and zlib let the GIL go."""

    def __init__(self, threads: int = 2) -> None:
        self._executor = ThreadPoolExecutor(threads, "scratch")

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def forget(self, staged: Staged, part: Part) -> None:
        """S3 holds `part`: let its pages go from the page cache, if they are on disk by now. Returns at once."""
        if part.size >= LEAST_DROPPED:
            self._executor.submit(_drop, staged, part)

    async def read(self, staged: Staged, part: Part, buffer: memoryview, *, with_sha256: bool) -> ReadOutcome:
        """Read `part` into `buffer`, which has its size, and check every piece under it that is not proved yet.

        OSError if a file is not there. Cancelled or not, the thread is done with the buffer when this returns.
        """
        # Before the first byte is read: what others prove meanwhile says nothing of bytes that were read earlier.
        proved = staged.proved.intersection(pieces_of(part.offset, part.size, staged.piece_length))
        doubts = staged.doubts
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._executor, _read_part, staged, part, buffer, proved, with_sha256)
        try:
            outcome = await asyncio.shield(reading)
        except asyncio.CancelledError:
            await asyncio.wait([reading])
            raise
        if staged.doubts == doubts:
            staged.proved.update(outcome.proved)
        return outcome


@dataclass(slots=True)
class Staged:
    """A torrent on the scratch disk. `proved`: pieces whose bytes on disk had the right hash; kept on the loop."""

    folder: Path
    layout: StagedLayout
    hashes: PieceHashes
    piece_length: int
    proved: set[int] = field(default_factory=set)
    doubts: int = 0

    def doubt(self, pieces: list[int]) -> None:
        """These were lost, or written anew: check them again, those that are being read now among them."""
        self.doubts += bool(pieces)
        self.proved.difference_update(pieces)


def _read_part(staged: Staged, part: Part, data: memoryview, known: set[int], with_sha256: bool) -> ReadOutcome:
    files = _OpenFiles(staged)
    try:
        if not files.fill(data, part.offset):
            return ReadOutcome(None, wrong=tuple(pieces_of(part.offset, part.size, staged.piece_length)))
        checked = _check(staged, part, data, known, files)
    finally:
        files.close()
    if checked.wrong or checked.unknown:
        return checked
    digest = hashlib.sha256(data).digest() if with_sha256 else b""
    if part.size >= LEAST_DROPPED:
        _drop(staged, part)  # what is dirty is only begun to be written now, and goes when the part is forgotten
    return ReadOutcome(PartBytes(data, isal_zlib.crc32(data), digest), proved=checked.proved)


def _drop(staged: Staged, part: Part) -> None:
    """Begin to write these pages to disk, and take those that are there out of the page cache."""
    files = _OpenFiles(staged)
    try:
        files.drop(part.offset, part.size)
    except FileNotFoundError:  # the transfer has ended
        return
    finally:
        files.close()


def _check(staged: Staged, part: Part, data: memoryview, known: set[int], files: _OpenFiles) -> ReadOutcome:
    proved: list[int] = []
    wrong: list[int] = []
    unknown: list[int] = []
    for piece in pieces_of(part.offset, part.size, staged.piece_length):
        if piece in known:
            continue
        hasher = staged.hashes.hasher(piece)
        if hasher is None:
            unknown.append(piece)
            continue
        start = piece * staged.piece_length
        end = start + staged.hashes.size(piece)
        inner_start, inner_end = max(start, part.offset), min(end, part.end)
        for chunk in files.read(start, inner_start - start):
            hasher.update(memoryview(chunk))
        hasher.update(data[inner_start - part.offset : inner_end - part.offset])
        for chunk in files.read(inner_end, end - inner_end):
            hasher.update(memoryview(chunk))
        (proved if hasher.matches() else wrong).append(piece)
    return ReadOutcome(None, tuple(proved), tuple(wrong), tuple(unknown))


class _OpenFiles:
    """Staged files opened as they are needed; used by one thread."""

    def __init__(self, staged: Staged) -> None:
        self._staged = staged
        self._open: dict[int, int] = {}

    def fill(self, data: memoryview, offset: int) -> bool:
        """Fill `data` with the bytes at `offset` of piece space; whether there were so many."""
        filled = 0
        for span in self._staged.layout.spans(offset, len(data)):
            at, end = span.start, span.start + span.size
            while at < end:
                target = data[filled : filled + end - at]
                if span.number is None:
                    target[:] = bytes(len(target))
                    count = len(target)
                else:
                    count = os.preadv(self._file(span.number), [target], at)
                if not count:
                    return False
                at += count
                filled += count
        return True

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """The bytes of piece space, CHUNK or fewer at a time; less than `size` if a file is too short."""
        if size <= 0:
            return
        for span in self._staged.layout.spans(offset, size):
            at, end = span.start, span.start + span.size
            while at < end:
                length = min(CHUNK, end - at)
                data = _ZEROS[:length] if span.number is None else os.pread(self._file(span.number), length, at)
                if not data:
                    return
                yield data
                at += len(data)

    def drop(self, offset: int, size: int) -> None:
        """See `_drop`. Linux' own order for FADV_DONTNEED: begin writeback, without waiting; drop what is clean."""
        for span in self._staged.layout.spans(offset, size):
            if span.number is not None:
                os.posix_fadvise(self._file(span.number), span.start, span.size, os.POSIX_FADV_DONTNEED)

    def _file(self, number: int) -> int:
        if number not in self._open:
            if len(self._open) == MOST_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[number] = os.open(self._staged.folder / str(number), _FLAGS)
        return self._open[number]

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
