"""Reading a job's event stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.integration.gateway.running import Caller, Door


@dataclass(frozen=True)
class Event:
    """One event; a comment has the kind "comment"."""

    kind: str
    data: Any = None
    id: str = ""


class Stream:
    """An open stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self._buffer = ""

    async def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        async with asyncio.timeout(10):
            while True:
                if "\n\n" in self._buffer:
                    block, _, self._buffer = self._buffer.partition("\n\n")
                    event = _parsed(block)
                    if event is not None:
                        return event
                    continue
                chunk = await self.answer.content.readany()
                if not chunk:
                    return None
                self._buffer += chunk.decode()

    async def until(self, kind: str) -> Event:
        """The next event of this kind; others are passed over."""
        while (event := await self.next()) is not None:
            if event.kind == kind:
                return event
        raise AssertionError(f"the stream ended without {kind}")

    async def rest(self) -> list[Event]:
        """All events up to the end."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@asynccontextmanager
async def watching(
    door: Door, job_id: str, who: Caller, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Stream]:
    """The stream of a job."""
    url = f"{door.url}/v1/jobs/{job_id}/events"
    async with door.http.get(url, headers={**who.headers, **(headers or {})}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        yield Stream(answer)


def _parsed(block: str) -> Event | None:
    fields: dict[str, str] = {}
    for line in block.splitlines():
        name, _, value = line.partition(": ")
        if name == ":" or line.startswith(":"):
            return Event("comment")
        fields[name] = value
    if "event" not in fields:
        return None  # retry
    return Event(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
