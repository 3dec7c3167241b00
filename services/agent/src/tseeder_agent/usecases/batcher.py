"""Many small questions, few calls: what comes in while a call is under way, or soon, goes with the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """`call` answers up to `limit` items, in their order. `work` must run while anybody asks.

    While `expects_more` says so, a call waits up to `linger` seconds for those who will ask next, until `enough` have;
    `look` tells that its answer may be another one.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        limit: int,
        *,
        linger: float = 0.0,
        enough: int = 1,
        expects_more: Callable[[], bool] = lambda: False,
    ) -> None:
        self._call = call
        self._limit = limit
        self._linger = linger
        self._enough = min(enough, limit)
        self._expects_more = expects_more
        self._queue: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._asked = asyncio.Event()

    async def ask(self, item: Item) -> Answer:
        """The answer for this item."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append((item, answer))
        self._asked.set()
        return await answer

    def look(self) -> None:
        """Ask `expects_more` again."""
        self._asked.set()

    async def work(self) -> NoReturn:
        """Make the calls, one at a time. What a call raises goes up from here, and ends those who asked with it."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            while self._queue:
                await self._gather()
                batch, self._queue = self._queue[: self._limit], self._queue[self._limit :]
                await self._serve(batch)

    async def _gather(self) -> None:
        """Wait for those who will ask soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger):
                while len(self._queue) < self._enough and self._expects_more():
                    await self._asked.wait()
                    self._asked.clear()

    async def _serve(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        wanted = [(item, answer) for item, answer in batch if not answer.done()]
        if not wanted:
            return
        answers = await self._call([item for item, _ in wanted])
        for (_, waiting), answer in zip(wanted, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
