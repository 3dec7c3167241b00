"""Bytes of files that are not stored yet, from the agent that fetches them: what jobs itself looks at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from tseeder_jobs.domain.reads import AgentRead
from tseeder_kit.errors import AppError, unavailable
from tseeder_rpc import READ_PATH

CONNECT_SECONDS: Final = 5.0


class AgentReads:
    """Made by `open_agent_reads`."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def read(self, agent: AgentRead, first: int, last: int) -> bytes:
        """The bytes `first` to `last`, which the agent fetches first if it has to. Raises AppError UNAVAILABLE."""
        headers = {"Authorization": f"Bearer {agent.token}", "Range": f"bytes={first}-{last}"}
        url = agent.read_url + READ_PATH
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
                if answer.status != 206 or answer.content_length != last - first + 1:
                    raise _unavailable()
                return await answer.read()
        except (ClientError, TimeoutError, OSError, ValueError) as exc:
            raise _unavailable() from exc


@asynccontextmanager
async def open_agent_reads() -> AsyncIterator[AgentReads]:
    """With connections of its own; how long an answer takes is the caller's affair."""
    timeout = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    connector = TCPConnector(limit=0, force_close=True)  # an agent's address may be another one's in a moment
    async with ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        yield AgentReads(session)


def _unavailable() -> AppError:
    return unavailable("service_unavailable", "The agent does not give these bytes now.")
