"""Calls that meet at one row: the test holds it, starts them one after the other, waits until each waits for a lock,
and lets go. Postgres serves a lock's waiters in their order, so a race is run in each order that it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.jobs.running import Service, eventually
from tseeder_pg import transaction

Call = Callable[[], Awaitable[Any]]

_TORRENT = "SELECT 1 FROM torrents WHERE torrent_id = $1 FOR UPDATE"
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'tseeder-jobs' AND wait_event_type = 'Lock'
"""


@dataclass
class Barrier:
    """A torrent's row that is held, and who waits before it. The services must have no sweep that goes off unasked: it
    would be taken for one of those who wait."""

    jobs: Service
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    async def start(self, call: Call) -> asyncio.Task[Any]:
        """The call is under way, and waits for a lock."""
        before = await self.waiting()
        task = asyncio.ensure_future(_awaited(call))
        self.tasks.append(task)
        await self.reach(before + 1)
        return task

    async def waiting(self) -> int:
        """How many transactions of the service wait for a lock."""
        return int(await self.jobs.value(_WAITING))

    async def reach(self, number: int) -> None:
        """So many wait. Not for long: the service gives a lock up after 5 s."""

        async def there() -> bool:
            return await self.waiting() >= number

        await eventually(there, seconds=4.5)


@asynccontextmanager
async def barrier(jobs: Service, torrent_id: Any) -> AsyncIterator[Barrier]:
    """The row is held inside, and let go at the end."""
    made = Barrier(jobs)
    try:
        async with transaction(jobs.pool) as tx:
            await tx.fetchval(_TORRENT, torrent_id)
            yield made
    except BaseException:
        for task in made.tasks:
            task.cancel()
        raise


async def meet(jobs: Service, torrent_id: Any, *calls: Call) -> list[Any]:
    """What these calls answered (or raised), started in this order before the torrent's row."""
    async with barrier(jobs, torrent_id) as held:
        for call in calls:
            await held.start(call)
    return await asyncio.gather(*held.tasks, return_exceptions=True)


async def _awaited(call: Call) -> Any:
    return await call()
