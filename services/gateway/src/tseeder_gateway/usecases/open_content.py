"""Where a file's bytes come from, for one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.object_reader import ObjectGoneError, ObjectReader
from tseeder_gateway.domain.conditions import strong_etag
from tseeder_gateway.domain.content_plan import Content
from tseeder_gateway.domain.disposition import FALLBACK_NAME
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_kit.errors import AppError, conflict, unavailable

WAIT_SECONDS: Final = 5


@dataclass(frozen=True)
class OpenedFile:
    """A stored file. `public_url` is for the client itself, "" where redirects are off or the file is empty."""

    content: Content
    url: str
    public_url: str


class OpenContent:
    """Asks jobs for one file on behalf of one caller, and reads it."""

    def __init__(self, jobs: Jobs, reader: ObjectReader, *, identity: str, file_id: str) -> None:
        self._jobs = jobs
        self._reader = reader
        self._identity = identity
        self._file_id = file_id

    async def open(self) -> OpenedFile:
        """The file. Raises AppError: NOT_FOUND, or CONFLICT `not_stored_yet`, with `retry_after_seconds`."""
        answer = await self._jobs.open_read(self._identity, self._file_id)
        source = answer.WhichOneof("source")
        if source not in ("object", "empty"):
            raise _not_stored_yet(answer)
        file = answer.file
        content = Content(
            name=file.path[-1] if file.path else FALLBACK_NAME,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
            etag=strong_etag(answer.etag),
        )
        return OpenedFile(content, answer.object.url, answer.object.public_url)

    @asynccontextmanager
    async def read(self, opened: OpenedFile, part: ByteRange) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes `part`. An expired URL, or an object that moved, is asked for once more.

        Entering raises AppError UNAVAILABLE or what `open` does; the iteration raises BodyBrokenError.
        """
        size = opened.content.size_bytes
        async with AsyncExitStack() as stack:
            try:
                chunks = await stack.enter_async_context(self._reader.read(opened.url, part, size))
            except ObjectGoneError:
                chunks = await self._read_anew(stack, opened, part)
            yield chunks

    async def _read_anew(self, stack: AsyncExitStack, opened: OpenedFile, part: ByteRange) -> AsyncIterator[bytes]:
        again = await self.open()
        if again.content != opened.content:
            raise _unavailable()
        try:
            return await stack.enter_async_context(self._reader.read(again.url, part, again.content.size_bytes))
        except ObjectGoneError as exc:
            raise _unavailable() from exc


def _not_stored_yet(answer: pb.OpenReadResponse) -> AppError:
    """Ranges from the agent that holds the lease come with a later issue; until then the client waits for S3."""
    waits = answer.WhichOneof("source") == "wait"
    seconds = answer.wait.retry_after_seconds if waits else 0
    details = {"reason": answer.wait.reason.code} if waits and answer.wait.reason.code else {}
    return conflict(
        "not_stored_yet",
        "The file is not stored yet.",
        retry_after_seconds=seconds if seconds > 0 else WAIT_SECONDS,
        **details,
    )


def _unavailable() -> AppError:
    return unavailable("storage_unavailable", "The object store does not give the file at the moment.")
