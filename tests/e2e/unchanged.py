"""A digest of every row of a schema, to prove that what was refused has changed nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.waiting import wait_for
from tests.faults.invariants import object_keys, open_uploads
from tseeder_pg import Pool, Record, connection

if TYPE_CHECKING:
    from tests.e2e.world import World

Fetch = Callable[..., Awaitable[Sequence[Any]]]

# Events get their number, are read, and are trimmed at times of their own: only how many there ever were is told.
FEED: Final = ("feed", "feed_head", "feed_readers")
# What agents and loops write by themselves, whoever asks for what.
RESTLESS: Final = (
    *("agents", "agent_heartbeats", "agent_heartbeats_default", "reaper_pulse", "sweep_reports", "schema_migrations"),
    *("media_facts", "account_feed"),
    *FEED,
)
# What was looked into meanwhile is written down, and when billing was asked last, by a verb whatever comes of it.
LOOKED_INTO: Final = "'{sniffed, sniffed_type, probe_after, probes, entitlements_at}'::text[]"
# The keys of what is gone are deleted again.
PART: Final = {"objects": "WHERE state <> 'gone'"}
# Tries are counted and told, and acts that were refused are audited, by design.
COUNTING: Final = ("login_throttles", "security_events", "audit_entries", "schema_migrations", *FEED)


async def rows(fetch: Fetch, schema: str, restless: Collection[str]) -> dict[str, tuple[int, str]]:
    """Count and digest of the rows of each table of `schema`, but those that change whoever asks for what."""
    tables = await fetch(
        """SELECT table_name FROM information_schema.tables
           WHERE table_schema = $1 AND table_type = 'BASE TABLE' AND table_name <> ALL($2::text[])""",
        schema,
        list(restless),
    )
    union = " UNION ALL ".join(
        f"SELECT '{name}', count(*), COALESCE(md5(string_agg(row, '|' ORDER BY row)), '') FROM "  # noqa: S608
        f"(SELECT (to_jsonb(t) - {LOOKED_INTO})::text AS row FROM {schema}.{name} t {PART.get(name, '')}) AS {name}_"
        for (name,) in tables
    )
    return {name: (count, digest) for name, count, digest in await fetch(union)}


async def events(fetch: Fetch, schema: str) -> int:
    """How many events the feed of `schema` was ever given, those included that have no number yet."""
    ((told,),) = await fetch(
        f"SELECT (SELECT seq FROM {schema}.feed_head) + (SELECT count(*) FROM {schema}.feed WHERE seq IS NULL)"  # noqa: S608
    )
    return int(told)


UNSWEPT: Final = """
SELECT (SELECT count(*) FROM torrents t WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.torrent_id = t.torrent_id))
     + (SELECT count(*) FROM uploads WHERE state = 'aborting' OR (unwanted_since IS NOT NULL AND state <> 'aborted'))
     + (SELECT count(*) FROM objects WHERE state = 'deleting')
"""


async def swept(world: World) -> None:
    """Wait until nothing of what tests before have deleted is left to the sweep, which takes it when it likes."""

    async def tidy() -> bool:
        return await world.count(UNSWEPT) == 0

    await wait_for(tidy, "what nobody wants is gone")


async def everything(world: World, others: Mapping[str, Pool]) -> dict[str, Any]:
    """All that a refused request must leave alone; of `others` the numbers of rows, since sessions note their use."""
    s3 = await asyncio.to_thread(lambda: (object_keys(world.stack.s3), open_uploads(world.stack.s3)))
    counts = {}
    for schema, pool in others.items():
        found = await rows(partial(_fetch, pool), schema, COUNTING)
        counts[schema] = {table: count for table, (count, _) in found.items()}
    return {
        "jobs": [job async for job in world.ann.client.all_jobs()],
        "usage": await world.ann.client.usage(),
        "s3": s3,
        "rows": await rows(world.fetch, "jobs", RESTLESS),
        "events": await events(world.fetch, "jobs"),
        "others": counts,
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as it was, by its path of keys: small enough to be read in a failure."""
    found: dict[str, Any] = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= {f"{key}.{name}": value for name, value in differences(old, new).items()}
        elif old != new:
            found[str(key)] = (old, new)
    return found


async def _fetch(pool: Pool, sql: str, *values: Any) -> list[Record]:
    async with connection(pool) as held:
        return await held.fetch(sql, *values)
