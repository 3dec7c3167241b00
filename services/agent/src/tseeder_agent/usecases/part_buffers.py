"""The memory that parts take on their way up, over all transfers: bounded, and used again."""

from __future__ import annotations

import asyncio
import mmap
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

UNIT: Final = 8 * 1024 * 1024
"""The size of a buffer that is kept for the next part: jobs' own part size, unless a file needs larger ones."""
SMALL: Final = UNIT // 2
"""Below, a buffer is made to measure and dropped: what is charged is what is used."""

HEAP: Final = 2 * 1024 * 1024
"""Up to here the heap is quicker, since it gives pages that were touched before."""
KEPT: Final = 2
"""Buffers that stay while nothing goes up: fresh pages for 8 MiB cost tens of milliseconds of CPU."""


class PartBuffers:
    """First come, first served; who asks for more than there is at all gets it when nobody else has any.

    Large buffers are used again: to allocate and free them for each part fragments the heap to several times what is
    in use, and costs page faults. They are maps of fresh pages, which the thread that reads a part into them touches
    first: a bytearray is zeroed by the event loop, which stands still for it (8 MiB: 6 ms on an idle machine).
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._spare: list[mmap.mmap] = []

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[memoryview]:
        """A buffer of `size` bytes while inside. One that is left by an error is not used again: a connection that
        broke may still be reading it."""
        charged = min(UNIT if SMALL < size <= UNIT else size, self._capacity)
        await self._take(charged)
        try:
            buffer = self._buffer(size)
            yield memoryview(buffer)[:size]
            if isinstance(buffer, mmap.mmap) and len(buffer) == UNIT:
                self._spare.append(buffer)
        finally:
            self._free += charged
            self._serve()
            if self._free == self._capacity:
                del self._spare[KEPT:]

    def _buffer(self, size: int) -> bytearray | mmap.mmap:
        if SMALL < size <= UNIT:
            return self._spare.pop() if self._spare else _fresh(UNIT)
        # Spare buffers are in no sum: there may be as many as there is memory that nobody has.
        del self._spare[self._free // UNIT if size < UNIT else 0 :]
        return bytearray(size) if size <= HEAP else _fresh(size)

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


def _fresh(size: int) -> mmap.mmap:
    """Pages that nobody has touched yet; they go back with the last view of them. MemoryError if there are none."""
    try:
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as exc:
        raise MemoryError(str(exc)) from exc
