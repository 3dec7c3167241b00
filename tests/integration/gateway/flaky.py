"""A TCP proxy before S3 that breaks when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 16 * 1024
_PRESIGNED = b"X-Amz-Signature="


class FlakyS3:
    """Made by `flaky_s3`. Breaking it also breaks the connections that stand."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._connections: set[asyncio.StreamWriter] = set()
        self._reads: set[asyncio.StreamWriter] = set()
        self._cut_after: int | None = None
        self._refusing = False
        self.url = ""
        self.sent = 0

    @property
    def open(self) -> int:
        """Connections of gateways, which read by presigned URLs. jobs keeps some of its own, idle, for 15 s."""
        return len(self._reads)

    def heal(self) -> None:
        """From now on all is well, on new connections, and counted from 0."""
        self.sent, self._cut_after, self._refusing = 0, None, False
        self._drop_all()

    def refuse(self) -> None:
        """From now on nobody gets a connection."""
        self._refusing = True
        self._drop_all()

    def cut(self, after: int) -> None:
        """From now on a connection ends after so many bytes of answers."""
        self._cut_after = after
        self._drop_all()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self._refusing:
            writer.transport.abort()
            return
        self._connections.add(writer)
        s3_reader, s3_writer = await asyncio.open_connection(*self._upstream)
        up = asyncio.create_task(self._pump(reader, s3_writer, counted=False, asker=writer))
        down = asyncio.create_task(self._pump(s3_reader, writer, counted=True))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            self._connections.discard(writer)
            self._reads.discard(writer)
            writer.close()
            s3_writer.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        counted: bool,
        asker: asyncio.StreamWriter | None = None,
    ) -> None:
        passed = 0
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if asker is not None and _PRESIGNED in chunk:
                    self._reads.add(asker)
                if counted and self._cut_after is not None and passed + len(chunk) > self._cut_after:
                    writer.write(chunk[: max(0, self._cut_after - passed)])
                    await writer.drain()
                    return
                writer.write(chunk)
                await writer.drain()
                passed += len(chunk)
                self.sent += len(chunk) if counted else 0

    def _drop_all(self) -> None:
        for writer in list(self._connections):
            writer.transport.abort()


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
