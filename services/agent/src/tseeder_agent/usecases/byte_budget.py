"""How much memory parts may take on their way up, over all transfers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """First come, first served; who asks for more than there is at all gets all of it."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Have `size` bytes while inside."""
        size = min(size, self._capacity)
        await self._take(size)
        try:
            yield
        finally:
            self._free += size
            self._serve()

    async def _take(self, size: int) -> None:
        if not self._waiting and self._free >= size:
            self._free -= size
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():  # it was granted in the same moment
                self._free += size
            self._serve()
            raise

    def _serve(self) -> None:
        while self._waiting:
            size, granted = self._waiting[0]
            if not granted.done():
                if size > self._free:
                    return
                self._free -= size
                granted.set_result(None)
            self._waiting.popleft()
