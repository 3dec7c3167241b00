"""A TCP proxy before S3 that breaks when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 16 * 1024


class FlakyS3:
    """Made by `flaky_s3`. `cut_after` bytes of answers on a connection it is broken off; `refusing` closes at once."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self.url = ""
        self.sent = 0
        self.cut_after: int | None = None
        self.refusing = False

    def heal(self) -> None:
        """From now on all is well, and counted from 0."""
        self.sent, self.cut_after, self.refusing = 0, None, False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.refusing:
            writer.close()
            return
        s3_reader, s3_writer = await asyncio.open_connection(*self._upstream)
        up = asyncio.create_task(self._pump(reader, s3_writer, counted=False))
        down = asyncio.create_task(self._pump(s3_reader, writer, counted=True))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        for each in (writer, s3_writer):
            each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if counted and self.cut_after is not None and passed + len(chunk) > self.cut_after:
                    writer.write(chunk[: max(0, self.cut_after - passed)])
                    await writer.drain()
                    return
                writer.write(chunk)
                await writer.drain()
                passed += len(chunk)
                self.sent += len(chunk) if counted else 0


@asynccontextmanager
async def flaky_s3(upstream: str) -> AsyncIterator[FlakyS3]:
    """The proxy, on a port of its own."""
    flaky = FlakyS3(upstream)
    server = await asyncio.start_server(flaky.serve, "127.0.0.1", 0, limit=CHUNK)
    flaky.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield flaky
    finally:
        server.close()
