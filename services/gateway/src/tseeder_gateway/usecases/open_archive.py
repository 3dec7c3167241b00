"""An archive of a job's stored files, for one request: its layout from what jobs knows, its bytes from S3."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from weakref import WeakValueDictionary

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.object_reader import CHUNK_BYTES, BodyBrokenError, ObjectGoneError
from tseeder_gateway.domain.archive_names import ArchiveNames
from tseeder_gateway.domain.content_plan import Content
from tseeder_gateway.domain.memory_budget import MemoryBudget
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.domain.read_ahead import Batch, batches
from tseeder_gateway.domain.zip_layout import Piece, Slice, ZipLayout
from tseeder_gateway.usecases.open_content import FIRST_PAUSE, LONGEST_PAUSE, Readers
from tseeder_gateway.usecases.readings import Authorize
from tseeder_gateway.usecases.watched import FINAL, Watched
from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses

LAID_OUT_AT_ONCE: Final = 2
"""Archives whose layout is being made; it takes processor time, so more of them at once would only be slower."""
READS_AT_ONCE: Final = 16
"""Small files that one answer has under way at S3."""
TRIES: Final = 3
"""How often a read is begun without getting a byte further."""
_WORKING_BYTES: Final = 200
"""What a name takes, beside its bytes twice, while names are compared with each other."""
_log = get_logger(__name__)


class Archives:
    """What all archives of a gateway share."""

    def __init__(self, memory: MemoryBudget) -> None:
        self.memory = memory
        self._turns = asyncio.Semaphore(LAID_OUT_AT_ONCE)
        self._users: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """While a layout is made. Of each user one at a time, so that nobody waits for all of another one's."""
        own = self._users.setdefault(user_id, asyncio.Lock())
        async with own, self._turns:
            yield


@dataclass(frozen=True)
class Chosen:
    """Which files of a job: ranges of indexes, () for all that are selected; of them those in a folder, () for all."""

    ranges: tuple[tuple[int, int], ...] = ()
    folder: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenedArchive:
    """An archive as HTTP sees it, and how it is made."""

    content: Content
    layout: ZipLayout


class OpenArchive(Watched):
    """Asks jobs for the files of one archive on behalf of one caller, and reads them."""

    def __init__(
        self,
        jobs: Jobs,
        readers: Readers,
        archives: Archives,
        authorize: Authorize,
        *,
        user_id: str,
        job_id: str,
        chosen: Chosen,
        counted: bool,
    ) -> None:
        super().__init__(counted=counted)
        self._jobs = jobs
        self._authorize = authorize
        self._identity = ""
        self._readers = readers
        self._archives = archives
        self._user_id = user_id
        self._job_id = job_id
        self._chosen = chosen
        self._held = archives.memory.hold(user_id)
        self._sending: tuple[int, ...] = ()  # the file whose bytes are handed out

    async def open(self) -> OpenedArchive:
        """The archive. Raises AppError as `jobs.DescribeArchive` does, EXHAUSTED `too_many_archives`, UNAVAILABLE
        `archives_busy`, or what authorizing does."""
        identity = await self._identify()
        async with self._archives.turn(self._user_id):
            header, layout = await self._lay_out(identity)
        name = f"{header.job_name or self._job_id}.zip"
        return OpenedArchive(Content(name, layout.size_bytes, "application/zip", layout.etag), layout)

    def release(self) -> None:
        """Its memory is free: the request has been answered, however that went."""
        self._held.release()

    @asynccontextmanager
    async def read(self, opened: OpenedArchive, part: ByteRange) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes `part`.

        Entering raises AppError CONFLICT `archive_changed`, UNAVAILABLE, or what authorizing does; the iteration raises
        BodyBrokenError, or AppError where a file was given up.
        """
        async with aclosing(self._bytes(opened.layout, part)) as chunks:
            first = await anext(chunks)  # so that what fails before it is a proper answer
            yield _after(first, chunks)

    async def _lay_out(self, identity: str) -> tuple[pb.ArchiveHeader, ZipLayout]:
        request = pb.DescribeArchiveRequest(
            job_id=self._job_id,
            ranges=[pb.FileRange(first=first, last=last) for first, last in self._chosen.ranges],
            folder=self._chosen.folder,
            stream_id=self._stream_id,
        )
        working = self._archives.memory.hold(self._user_id)
        names = ArchiveNames()
        try:
            async with aclosing(self._jobs.describe_archive(identity, request)) as described:
                header = (await anext(described)).header
                layout = ZipLayout(header.created_at.ToDatetime(tzinfo=UTC))
                async for message in described:
                    _add(layout, names, message.entries.entries)
                    self._held.reach(layout.memory_bytes)
                    working.reach(header.file_count * _WORKING_BYTES + 2 * layout.memory_bytes)
        finally:
            working.release()
        layout.close()
        return header, layout

    async def _look(self) -> None:
        await self._jobs.open_archive(await self._identify(), self._job_id, self._sending, stream_id=self._stream_id)

    async def _end_stream(self) -> None:
        # As who he was when it was looked at last: by now he may be nobody, and his stream ends all the same.
        await self._jobs.end_read(self._identity, self._stream_id, self.sent_bytes)

    async def _identify(self) -> str:
        """The caller's identity token, as good as his credential is by now."""
        self._identity = (await self._authorize()).identity
        return self._identity

    async def _bytes(self, layout: ZipLayout, part: ByteRange) -> AsyncGenerator[bytes, None]:
        """In chunks of CHUNK_BYTES at most. While a batch of small files is handed out, the next one is fetched."""
        following = batches(layout.pieces(part))
        batch = next(following, None)
        ahead: asyncio.Task[bytes] | None = None
        try:
            while batch is not None:
                upcoming = next(following, None)
                if batch.large is not None:
                    self._sending = (batch.slices[0].file_index,)
                    async for chunk in self._large(batch.large):
                        yield chunk
                else:
                    data = await (ahead or self._small(batch))
                    ahead = None
                    if upcoming is not None and upcoming.large is None:
                        ahead = asyncio.create_task(self._small(upcoming), name="archive-read-ahead")
                    self._sending = tuple(each.file_index for each in batch.slices[-1:])
                    for at in range(0, len(data), CHUNK_BYTES):
                        yield data[at : at + CHUNK_BYTES]
                batch = upcoming
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    async def _large(self, piece: Piece) -> AsyncGenerator[bytes, None]:
        if piece.slice is None:
            return
        before = piece.before
        (url,) = await self._urls([piece.slice])
        async with aclosing(self._file(piece.slice, url)) as chunks:
            async for chunk in chunks:
                if before:
                    yield before
                    before = b""
                yield chunk

    async def _small(self, batch: Batch) -> bytes:
        """All of it."""
        slices = batch.slices
        urls = await self._urls(slices)
        limit = asyncio.Semaphore(READS_AT_ONCE)

        async def whole(part: Slice, url: str) -> bytes:
            async with limit, aclosing(self._file(part, url)) as chunks:
                return b"".join([chunk async for chunk in chunks])

        try:
            async with asyncio.TaskGroup() as group:
                pairs = zip(slices, urls, strict=True)
                reads = iter([group.create_task(whole(part, url)) for part, url in pairs])
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return b"".join(
            each.before + (next(reads).result() if each.slice is not None else b"") for each in batch.pieces
        )

    async def _file(self, part: Slice, url: str) -> AsyncGenerator[bytes, None]:
        """The bytes of one file, checked: of a whole one the last chunk comes only if its CRC32 is right. A read that
        breaks is taken up where it broke; an expired URL is asked for anew."""
        at, crc32 = part.range.first, 0
        failures, pause = 0, pauses(FIRST_PAUSE, LONGEST_PAUSE)
        while at <= part.range.last:
            begun_at = at
            try:
                wanted = ByteRange(at, part.range.last)
                async with self._readers.objects.read(url, wanted, part.size_bytes) as chunks:
                    async for chunk in chunks:
                        at += len(chunk)
                        crc32 = zlib.crc32(chunk, crc32)
                        if part.whole and at > part.range.last and crc32 != part.crc32:
                            raise _WrongBytesError("a file's bytes have another CRC32")
                        yield chunk
            except (ObjectGoneError, BodyBrokenError, AppError) as exc:
                if at > begun_at:
                    failures, pause = 0, pauses(FIRST_PAUSE, LONGEST_PAUSE)
                failures += 1
                if failures == TRIES or not _passes(exc):
                    raise _said(exc) from exc
                _log.info("archive_read_again", cause=str(exc), at=at)
                await asyncio.sleep(pause())
                (url,) = await self._urls([part])

    async def _urls(self, slices: Sequence[Slice]) -> Sequence[str]:
        """Where their bytes are. Once the answer has begun, jobs and auth may be away for a while."""
        if not slices:
            return ()
        now = asyncio.get_running_loop().time
        limit = now() + (self._readers.patience.next if self._begun else 0)
        pause = pauses(FIRST_PAUSE, LONGEST_PAUSE)
        indexes = [each.file_index for each in slices]
        while True:
            try:
                identity = await self._identify()
                return await self._jobs.open_archive(identity, self._job_id, indexes, stream_id=self._stream_id)
            except AppError as exc:
                if exc.kind in FINAL or now() >= limit:
                    raise
                _log.info("archive_not_found_again", code=exc.code)
            await asyncio.sleep(min(pause(), max(0.0, limit - now())))


class _WrongBytesError(BodyBrokenError):
    """S3 gives other bytes than were stored; asking again would not help."""


def _add(layout: ZipLayout, names: ArchiveNames, entries: Sequence[pb.ArchiveEntry]) -> None:
    for entry in entries:
        layout.add(
            names.name(entry.path),
            size_bytes=entry.size_bytes,
            crc32=entry.crc32,
            file_index=entry.file_index,
            entry_id=entry.entry_id,
        )


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def _passes(exc: Exception) -> bool:
    """Whether another try may do better."""
    return not isinstance(exc, _WrongBytesError) and not (isinstance(exc, AppError) and exc.kind in FINAL)


def _said(exc: Exception) -> Exception:
    if isinstance(exc, ObjectGoneError):
        return unavailable("storage_unavailable", "The object store does not give a file at the moment.")
    return exc
