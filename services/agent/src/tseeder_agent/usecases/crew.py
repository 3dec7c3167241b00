"""Loops beside a body: the first that fails ends it all, and its own error comes out, not a group of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self


class Crew:
    """`async with Crew(loop, ...)`: runs the loops while the body runs, and cancels them when the body is left."""

    def __init__(self, *loops: Callable[[], Awaitable[None]]) -> None:
        self._loops = loops
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    def take_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this beside the rest."""
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        for loop in self._loops:
            self.take_on(_run(loop))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors


async def _run(loop: Callable[[], Awaitable[None]]) -> None:
    await loop()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
