"""Look into stored video and audio files with ffprobe, where there is one, and keep what it says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.ffprobe import Outcome, Probed, Prober
from tseeder_jobs.adapters.probe_door import FileGoneError
from tseeder_jobs.domain.media_types import is_media, media_type
from tseeder_jobs.store import objects, probing
from tseeder_jobs.usecases.context import Context
from tseeder_kit.logging import get_logger
from tseeder_pg import Record, connection, retrying, transaction

BATCH: Final = 100
AT_ONCE: Final = 2
SECONDS: Final = 30.0
MOST_PROBES: Final = 3
_CLAIMED: Final = timedelta(seconds=2 * SECONDS)
_PAUSE: Final = timedelta(minutes=1)
_GONE_PAUSE: Final = timedelta(hours=6)
"""An object that is lost, or about to be deleted, is the affair of other sweeps; by then they have seen to it."""
_log = get_logger(__name__)


async def probe_media(ctx: Context) -> int:
    """The sweep. Answers of how many files there are facts now."""
    if ctx.media is None:
        return 0
    found = 0
    while True:
        async with connection(ctx.pool) as tx:
            batch = await probing.due(tx, BATCH)
        aside = [row["object_id"] for row in batch if not _is_wanted(row)]
        if aside:
            await retrying(partial(_set_aside, ctx, aside))
        outcomes = await _look(ctx, ctx.media.prober, [row for row in batch if _is_wanted(row)])
        found += outcomes.count(Outcome.FOUND)
        done = len(aside) + len(outcomes)
        if len(batch) < BATCH or not done or Outcome.NOT_NOW in outcomes:
            return found


def _is_wanted(row: Record) -> bool:
    return not row["known"] and is_media(media_type(row["path"], row["sniffed_type"]))


async def _look(ctx: Context, prober: Prober, rows: list[Record]) -> list[Outcome]:
    """Of those that this caller came to look into. When the bytes of one are not there, the others are left for later:
    those of the next one would not be, either."""
    outcomes: list[Outcome] = []

    async def some(waiting: Iterator[Record]) -> None:
        for row in waiting:
            if Outcome.NOT_NOW in outcomes:
                return
            outcome = await _one(ctx, prober, row)
            if outcome is not None:
                outcomes.append(outcome)

    waiting = iter(rows)
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some(waiting))
    return outcomes


async def _one(ctx: Context, prober: Prober, row: Record) -> Outcome | None:
    """None: somebody else has it."""
    probes = await retrying(partial(_claim, ctx, row["object_id"]))
    if probes is None:
        return None

    async def fetch(first: int, last: int) -> bytes:
        found = await ctx.storage.read(row["object_key"], last - first + 1, first)
        if found is None or len(found) <= last - first:  # it is being deleted, or lost
            raise FileGoneError
        return found

    probed = await prober.probe(fetch, row["size_bytes"], SECONDS)
    await retrying(partial(_keep, ctx, row, probed, probes))
    return probed.outcome


async def _claim(ctx: Context, object_id: UUID) -> int | None:
    async with transaction(ctx.pool) as tx:
        return await probing.claim(tx, object_id, _CLAIMED)


async def _set_aside(ctx: Context, object_ids: list[UUID]) -> None:
    async with transaction(ctx.pool) as tx:
        await probing.done(tx, object_ids)


async def _keep(ctx: Context, row: Record, probed: Probed, probes: int) -> None:
    """What may be otherwise another time is tried again, ever later; what was not there costs no try."""
    async with transaction(ctx.pool) as tx:
        if probed.outcome is Outcome.NOT_NOW:
            await probing.put_off(tx, row["object_id"], _PAUSE, probes - 1)
            return
        if probed.outcome is Outcome.GONE:
            _log.warning("object_to_probe_gone", object_id=str(row["object_id"]))
            await probing.put_off(tx, row["object_id"], _GONE_PAUSE, probes - 1)
            return
        if probed.outcome is Outcome.FAILED and probes < MOST_PROBES:
            await probing.put_off(tx, row["object_id"], _PAUSE * 4**probes, probes)
            return
        await objects.lock_entries(tx, [row["entry_id"]])
        await probing.keep(tx, row["entry_id"], probed.outcome, probed.facts)
        await probing.done(tx, [row["object_id"]])
