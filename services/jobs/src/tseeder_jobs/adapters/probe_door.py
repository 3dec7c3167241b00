"""The only address that an ffprobe is given: a port on loopback that is there for one file, and for one look at it.

It hands on ranges of that file, up to a budget, and knows no other path. What it reads from (S3, an agent) and by what
right stays on this side.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from aiohttp import web

from tseeder_kit.errors import AppError, internal
from tseeder_kit.ids import random_token
from tseeder_kit.logging import get_logger

Fetch: TypeAlias = Callable[[int, int], Awaitable[bytes]]
"""The bytes from the first to the last of these positions. Raises AppError where they cannot be had, and FileGoneError
where there is no such file (any more)."""

STEP: Final = 256 * 1024
"""How much is read at once: a reader that turns elsewhere has not been read far ahead of."""
MOST_REQUESTS: Final = 1000
SLOW_SHARE: Final = 20
"""A source that takes more than so manieth a part of the time there is, for one step, is slow."""
_log = get_logger(__name__)
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")


class FileGoneError(Exception):
    """The file whose bytes are asked for is not there any more: waiting does not bring it."""


@dataclass
class Door:
    """Where the file is for now, and how the reads of it went."""

    path: str
    size: int
    fetch: Fetch
    left_bytes: int
    left_requests: int = MOST_REQUESTS
    port: int = 0
    failed: AppError | None = None
    """Why bytes that were asked for were not there: what was made of the others says nothing."""
    is_gone: bool = False
    """Whether there is no such file (any more)."""
    fetches: int = 0
    waited_seconds: float = 0.0
    """For the fetches that are over."""
    _pending: dict[int, float] = field(default_factory=dict)  # which fetch -> since when

    @property
    def url(self) -> str:
        """What ffprobe is given."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @property
    def spent(self) -> bool:
        """Whether more was asked for than is given."""
        return self.left_bytes <= 0 or self.left_requests <= 0

    def is_slow(self, seconds: float) -> bool:
        """Whether it is the source that has not given a file its `seconds`: bytes are waited for now, and on an average
        for longer than a look of so long can bear. (Not where the file makes ffprobe turn hither and thither.)"""
        now = time.monotonic()
        waited = self.waited_seconds + sum(now - since for since in self._pending.values())
        return bool(self._pending) and waited / self.fetches > seconds / SLOW_SHARE

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A range, in steps; it breaks off where the bytes, or the budget, end."""
        self.left_requests -= 1
        asked = _RANGE.fullmatch(request.headers.get("Range", "bytes=0-"))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else self.size - 1, self.size - 1)
        if asked is None or not first <= last or self.spent:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{self.size}"})
        head = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {first}-{last}/{self.size}"}
        response = web.StreamResponse(status=206, headers={**head, "Content-Length": str(last - first + 1)})
        response.content_type = "application/octet-stream"  # what it is, its bytes alone say
        try:
            await response.prepare(request)
            while first <= last and not self.spent:
                chunk = await self._fetched(first, min(first + min(STEP, self.left_bytes) - 1, last))
                self.left_bytes -= len(chunk)
                await response.write(chunk)
                first += len(chunk)
        except AppError as exc:
            self.failed = exc
        except FileGoneError:
            self.is_gone = True
        except ConnectionError:
            return response  # it has seen enough, and left; aiohttp would log what is raised as an error
        except Exception as exc:  # noqa: BLE001 - whatever it was, nothing may be concluded from what is missing
            _log.error("probe_fetch_crashed", exc_info=exc)
            self.failed = internal()
        if first <= last and request.transport is not None:
            request.transport.abort()
        return response

    async def _fetched(self, first: int, last: int) -> bytes:
        self.fetches += 1
        which = self.fetches
        self._pending[which] = time.monotonic()
        try:
            return await self.fetch(first, last)
        finally:
            self.waited_seconds += time.monotonic() - self._pending.pop(which)


@asynccontextmanager
async def open_door(fetch: Fetch, size: int, budget: int) -> AsyncIterator[Door]:
    """To a file of `size` bytes, while inside; `budget`: how many bytes it gives in all."""
    door = Door(f"/{random_token(18)}", size, fetch, budget)
    app = web.Application()
    app.router.add_get(door.path, door.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        door.port = runner.addresses[0][1]
        yield door
    finally:
        await runner.cleanup()
