"""Where a file's bytes come from, for one request: S3 once it is stored, before that the agent that fetches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_gateway.adapters.agent_reader import AgentReader, NotServedError
from tseeder_gateway.adapters.object_reader import BodyBrokenError, ObjectGoneError, ObjectReader
from tseeder_gateway.domain.conditions import strong_etag
from tseeder_gateway.domain.content_plan import Content
from tseeder_gateway.domain.disposition import FALLBACK_NAME
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_gateway.usecases.readings import Reading
from tseeder_gateway.usecases.watched import FINAL, Watched
from tseeder_kit.errors import AppError, conflict, unavailable
from tseeder_kit.ids import uuid7
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_kit.telemetry import counter

LATE_RETRY_SECONDS: Final = 5
WAITED_FOR: Final = frozenset({"", "file_not_stored", "file_changing"})
"""Why a file cannot be read now, where that passes by itself."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

_moves = counter("gateway_content_moves", "Answers that went on from another source than they began on", ("source",))
_log = get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a read waits for bytes, in seconds: before its first one, and between two."""

    first: float
    next: float


@dataclass(frozen=True)
class Readers:
    """Of what is stored, and of what is not yet."""

    objects: ObjectReader
    agents: AgentReader
    patience: Patience


@dataclass(frozen=True)
class OpenedFile:
    """A file, and where jobs says its bytes are."""

    content: Content
    answer: pb.OpenReadResponse

    @property
    def public_url(self) -> str:
        """For the client itself; "" where redirects are off, or the file is empty, or not stored."""
        return self.answer.object.public_url

    @property
    def live(self) -> bool:
        """Whether it is not stored yet."""
        return self.answer.WhichOneof("source") not in ("object", "empty")


class OpenContent(Watched):
    """Asks jobs for one file, and reads it."""

    def __init__(self, reading: Reading, readers: Readers, *, counted: bool) -> None:
        super().__init__(counted=counted)
        self._reading = reading
        self._readers = readers
        self._followed: OpenedFile | None = None
        self._waiting: asyncio.Timeout | None = None  # for bytes of what is followed

    async def open(self, offset: int = 0) -> OpenedFile:
        """The file. Raises AppError NOT_FOUND, CONFLICT `file_not_wanted`, EXHAUSTED `streams_limit`, or what its kind
        of reading does."""
        answer = await self._reading.open(offset, self._stream_id, begun=self._begun)
        file = answer.file
        content = Content(
            name=file.path[-1] if file.path else FALLBACK_NAME,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
            etag=strong_etag(answer.etag),
        )
        return OpenedFile(content, answer)

    async def count(self) -> OpenedFile:
        """As `open`, and from now on it is one of its owner's streams."""
        self._stream_id = self._stream_id or str(uuid7())
        return await self.open()

    async def begin(self, *, at_start: bool) -> None:
        """As it says; with the file's first byte it is a download, too."""
        if at_start:
            await self._reading.count()
        await super().begin(at_start=at_start)

    @asynccontextmanager
    async def read(self, opened: OpenedFile, part: ByteRange) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes `part`.

        Entering raises what `open` does, AppError UNAVAILABLE, or CONFLICT `not_stored_yet` with
        `retry_after_seconds`; the iteration raises BodyBrokenError, or AppError where the file was taken away.
        """
        async with AsyncExitStack() as stack:
            if opened.live:
                following = await stack.enter_async_context(aclosing(self._follow(opened, part)))
                first = await anext(following)  # so that what fails before it is a proper answer
                yield _after(first, following)
            else:
                yield await self._stored(stack, opened, part)

    async def handed_out(self, count: int) -> None:
        """The client gets so much outside of a stream: by itself at the object store, whether it does or not, or as
        something else that the bytes were made into. That is counted."""
        try:
            await self._reading.end(str(uuid7()), count)
        except AppError as exc:
            _log.info("bytes_not_counted", code=exc.code)

    async def _look(self) -> None:
        self._seen_at(await self.open())

    async def _end_stream(self) -> None:
        await self._reading.end(self._stream_id, self.sent_bytes)

    def _seen_at(self, found: OpenedFile) -> None:
        """Whoever waits for bytes from elsewhere waits for nothing: its agent may be frozen."""
        waiting = self._waiting
        if waiting is not None and waiting.when() is not None and _differs(self._followed, found):
            waiting.reschedule(0)

    async def _stored(self, stack: AsyncExitStack, opened: OpenedFile, part: ByteRange) -> AsyncIterator[bytes]:
        """From S3. An expired URL, or an object that moved, is asked for once more."""
        read = self._readers.objects.read
        try:
            return await stack.enter_async_context(read(opened.answer.object.url, part, opened.content.size_bytes))
        except ObjectGoneError:
            again = await self.open()
        if not _same(again, opened) or again.live:
            raise _unavailable()
        try:
            return await stack.enter_async_context(read(again.answer.object.url, part, again.content.size_bytes))
        except ObjectGoneError as exc:
            raise _unavailable() from exc

    async def _follow(self, opened: OpenedFile, part: ByteRange) -> AsyncGenerator[bytes, None]:
        """The bytes, from wherever they can be had at each moment: an agent, its successor, S3. Whoever reads notices
        nothing but that some of them take longer."""
        at, source, patience = part.first, opened, self._readers.patience
        now = asyncio.get_running_loop().time
        limit = now() + (patience.next if self._begun else patience.first)
        pause = pauses(FIRST_PAUSE, LONGEST_PAUSE)
        while at <= part.last:
            failed: Exception
            self._followed = source
            try:
                async with asyncio.timeout_at(limit) as self._waiting:
                    async with self._source(source, ByteRange(at, part.last)) as chunks:
                        async for chunk in chunks:
                            at += len(chunk)
                            self._begun = True
                            self._waiting.reschedule(None)  # the reader has his own time
                            yield chunk
                            limit = now() + patience.next
                            self._waiting.reschedule(limit)
                            pause = pauses(FIRST_PAUSE, LONGEST_PAUSE)
                return
            except (NotServedError, ObjectGoneError, BodyBrokenError, AppError, TimeoutError) as exc:
                failed = exc
            finally:
                self._waiting = None
            if now() >= limit or not _passes(failed):
                raise _said(failed, begun=self._begun) from failed
            await asyncio.sleep(min(pause(), max(0.0, limit - now())))
            source = _moved(source, await self._again(opened, source, at, limit), at)

    async def _again(self, opened: OpenedFile, before: OpenedFile, at: int, limit: float) -> OpenedFile:
        """Where the bytes from `at` on are now; as before while jobs or auth is away, or slow."""
        try:
            async with asyncio.timeout_at(limit):
                now = await self.open(at)
        except AppError as exc:
            if exc.kind in FINAL:
                raise
            _log.info("content_not_found_again", code=exc.code)
            return before
        except TimeoutError:
            return before
        if not _same(now, opened):
            raise BodyBrokenError("the file is another one")
        return now

    def _source(self, opened: OpenedFile, part: ByteRange) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        size = opened.content.size_bytes
        match opened.answer.WhichOneof("source"):
            case "object":
                return self._readers.objects.read(opened.answer.object.url, part, size)
            case "agent":
                return self._readers.agents.read(opened.answer.agent, part, size)
        raise _not_stored_yet(opened.answer.wait)


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def _same(one: OpenedFile, other: OpenedFile) -> bool:
    """Whether they are the same bytes; what they are called may be better known by now."""
    return (one.content.etag, one.content.size_bytes) == (other.content.etag, other.content.size_bytes)


def _differs(before: OpenedFile | None, now: OpenedFile) -> bool:
    """Whether the bytes are elsewhere now."""
    if before is None:
        return False
    kinds = before.answer.WhichOneof("source"), now.answer.WhichOneof("source")
    return kinds[0] != kinds[1] or before.answer.agent.epoch != now.answer.agent.epoch


def _moved(before: OpenedFile, now: OpenedFile, at: int) -> OpenedFile:
    if _differs(before, now):
        kind = now.answer.WhichOneof("source") or "empty"
        _moves.labels(kind).inc()
        _log.info("content_moved", to=kind, at=at)
    return now


def _passes(exc: Exception) -> bool:
    """Whether another try may do better."""
    if not isinstance(exc, AppError):
        return True
    if exc.code == "not_stored_yet":
        return exc.details.get("reason", "") in WAITED_FOR
    return exc.kind not in FINAL


def _said(exc: Exception, *, begun: bool) -> Exception:
    """To the client: that it failed, if it was begun; else why it does not begin."""
    if isinstance(exc, AppError):
        return BodyBrokenError(exc.code) if begun else exc
    if begun:
        return exc if isinstance(exc, BodyBrokenError) else BodyBrokenError(str(exc))
    if isinstance(exc, ObjectGoneError):
        return _unavailable()
    return unavailable(
        "content_late",
        "This part of the file has not come from the swarm yet.",
        retry_after_seconds=LATE_RETRY_SECONDS,
    )


def _not_stored_yet(wait: pb.Wait) -> AppError:
    seconds = wait.retry_after_seconds
    details = {"reason": wait.reason.code} if wait.reason.code else {}
    return conflict(
        "not_stored_yet",
        "The file is not stored yet.",
        retry_after_seconds=seconds if seconds > 0 else LATE_RETRY_SECONDS,
        **details,
    )


def _unavailable() -> AppError:
    return unavailable("storage_unavailable", "The object store does not give the file at the moment.")
