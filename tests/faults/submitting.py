"""Clients that submit while something dies, and what they must find afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from tests.e2e.people import Person
from tests.e2e.waiting import wait_for
from tests.e2e.world import World
from tseeder_cli.client import Source
from tseeder_cli.errors import ApiError, CliError
from tseeder_cli.wire import Job
from tseeder_pg import connection, open_pool

PASSING = frozenset({409, 429, 503})
"""Answers after which the same submit may be sent again: it is under way, or nothing was done."""


@asynccontextmanager
async def held_feed(world: World) -> AsyncIterator[None]:
    """Nobody can write an event, which is a submit's last row, while inside."""
    database = world.stack.parts.database_urls["jobs"]
    async with open_pool(database, min_size=0, max_size=1, application_name="fault") as pool, connection(pool) as held:
        async with held.transaction():
            await held.execute("LOCK TABLE feed IN ACCESS EXCLUSIVE MODE")
            yield


async def one_job_each(person: Person, keys: list[str], known: dict[str, str]) -> None:
    """Repeat all submits; each key has one job, and the one that was told first if one was."""
    again = {key: (await insist(person, key))["job_id"] for key in keys}
    assert {key: again[key] for key in known} == known
    jobs = [job async for job in person.client.all_jobs()]
    assert sorted(job["name"] for job in jobs) == sorted(keys)
    assert {job["job_id"] for job in jobs} == set(again.values())


def source_of(key: str) -> Source:
    """A magnet of nobody's: each key has its own."""
    return Source(info_hash=UUID(key).hex + "0" * 8)


async def accepted(world: World, count: int) -> None:
    """Wait until so many more jobs are accepted."""
    acknowledged = world.log.accepted
    before = len(acknowledged)

    async def enough() -> bool:
        return len(acknowledged) >= before + count

    await wait_for(enough, f"{count} more jobs are accepted")


async def submit_until(person: Person, stop: asyncio.Event) -> list[str]:
    """Submit one job after the other, as a client does that repeats what got no answer; their keys."""
    keys = []
    while not stop.is_set():
        keys.append(str(uuid4()))
        await insist(person, keys[-1])
    return keys


async def insist(person: Person, key: str) -> Job:
    """The job of this key, asked for until it is given; raises an answer that will not pass."""
    while True:
        try:
            return await person.submit(source_of(key), name=key, key=key)
        except CliError as error:
            if isinstance(error, ApiError) and error.status not in PASSING:
                raise
