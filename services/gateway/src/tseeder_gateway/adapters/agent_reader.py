"""Bytes of files that are not stored yet, from the agent that fetches them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_gateway.adapters.object_reader import CHUNK_BYTES, CONNECT_SECONDS, chunks_of
from tseeder_gateway.domain.ranges import ByteRange
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_rpc import READ_PATH

_refusals = counter("gateway_agent_refusals", "Reads that an agent did not serve", ("code",))
_log = get_logger(__name__)


class NotServedError(Exception):
    """This agent does not serve it, now or at all; whoever asks jobs again may be sent elsewhere."""


class AgentReader:
    """Made by `open_agent_reader`."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    @asynccontextmanager
    async def read(self, agent: pb.AgentRead, part: ByteRange, size: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes `part` of a file of `size` bytes, exactly, as they come from the swarm.

        Entering waits for the first of them, and raises NotServedError; the iteration raises BodyBrokenError.
        """
        headers = {"Authorization": f"Bearer {agent.token}", "Range": f"bytes={part.first}-{part.last}"}
        try:
            response = await self._session.get(agent.read_url + READ_PATH, headers=headers, allow_redirects=False)
        except (ClientError, TimeoutError, OSError, ValueError) as exc:
            raise _refused(type(exc).__name__) from exc
        try:
            await _check(response, part, size)
            yield chunks_of(response, part.length)
        finally:
            response.close()


@asynccontextmanager
async def open_agent_reader(*, wait_seconds: float) -> AsyncIterator[AgentReader]:
    """A reader with connections of its own; an agent may be silent for `wait_seconds` while pieces are fetched."""
    timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=wait_seconds)
    connector = TCPConnector(limit=0, force_close=True)  # an agent's address may be another one's in a moment
    async with ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, read_bufsize=CHUNK_BYTES // 2
    ) as session:
        yield AgentReader(session)


async def _check(response: ClientResponse, part: ByteRange, size: int) -> None:
    if response.status != 206:
        raise _refused(await _code(response))
    if response.content_length != part.length or response.headers.get("Content-Range") != part.content_range(size):
        raise _refused("other_bytes")


async def _code(response: ClientResponse) -> str:
    try:
        body: Any = await response.json()
        return str(body["code"])
    except (ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return f"status_{response.status}"


def _refused(code: str) -> NotServedError:
    known = code if code in ("pieces_late", "lease_gone", "read_token_invalid", "too_many_readers") else "other"
    _refusals.labels(known).inc()
    _log.info("agent_does_not_serve", code=code)
    return NotServedError(code)
