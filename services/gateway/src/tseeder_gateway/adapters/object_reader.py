"""Bytes of stored objects, from the presigned URLs that jobs gives out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from tseeder_gateway.domain.ranges import ByteRange
from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

# The HTTP client holds up to twice its limit before it stops reading; that is a chunk, at most.
CHUNK_BYTES: Final = 256 * 1024
CONNECT_SECONDS: Final = 5.0

_failures = counter("gateway_object_failures", "Reads of stored objects that failed", ("code",))
_log = get_logger(__name__)


class ObjectGoneError(Exception):
    """S3 does not give this object by this URL: it is deleted, or the URL has expired."""


class BodyBrokenError(Exception):
    """S3, or an agent, broke off in the middle of a body."""


class ObjectReader:
    """Made by `open_reader`."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    @asynccontextmanager
    async def read(self, url: str, part: ByteRange, size: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes `part` of an object of `size` bytes, exactly, in chunks of CHUNK_BYTES at most.

        Entering raises ObjectGoneError, or AppError UNAVAILABLE `storage_unavailable`; the iteration raises
        BodyBrokenError. Not more than a chunk is read ahead of the consumer.
        """
        headers = {"Accept-Encoding": "identity"}
        if part.length != size:
            headers["Range"] = f"bytes={part.first}-{part.last}"
        try:
            response = await self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False)
        except (ClientError, TimeoutError, OSError) as exc:
            raise _unavailable(type(exc).__name__) from exc
        try:
            _check(response, part, size)
            yield chunks_of(response, part.length)
        finally:
            response.close()


@asynccontextmanager
async def open_reader(*, read_seconds: float) -> AsyncIterator[ObjectReader]:
    """A reader with connections of its own; S3 may be silent for `read_seconds` before a read fails."""
    timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=read_seconds)
    # Each reader of a file holds a connection for as long as it likes, so a limit here would let one starve another.
    connector = TCPConnector(limit=0)
    async with ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, read_bufsize=CHUNK_BYTES // 2
    ) as session:
        yield ObjectReader(session)


def _check(response: ClientResponse, part: ByteRange, size: int) -> None:
    """Some servers (rclone) answer a range with status 200 and the right Content-Range, so the header decides."""
    if response.status in (403, 404):
        raise ObjectGoneError
    if response.status not in (200, 206):
        raise _unavailable(f"status_{response.status}")
    content_range = response.headers.get("Content-Range")
    ranged = part.length != size
    if response.content_length != part.length or (ranged and content_range != part.content_range(size)):
        raise _unavailable("other_bytes")


async def chunks_of(response: ClientResponse, length: int) -> AsyncIterator[bytes]:
    """The body of an answer that promised `length` bytes; BodyBrokenError if fewer come."""
    left = length
    try:
        while chunk := await response.content.readany():
            left -= len(chunk)
            yield chunk
    except (ClientError, TimeoutError, OSError) as exc:
        _failures.labels("broken_off").inc()
        raise BodyBrokenError(f"{type(exc).__name__} with {left} bytes to go") from exc
    if left:
        _failures.labels("broken_off").inc()
        raise BodyBrokenError(f"{left} bytes are missing")


def _unavailable(cause: str) -> AppError:
    _failures.labels(cause).inc()
    _log.warning("object_read_failed", cause=cause)
    return unavailable("storage_unavailable", "The object store does not answer at the moment.")
