"""Torrents that are older than the natural order get theirs: by the first who lists their files, else by a sweep."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.natural_order import natural_places
from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.store import jobs, natural_order, objects
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.own_job import job_not_found
from tseeder_pg import connection, retrying, transaction

BATCH: Final = 5000
TORRENTS_A_ROUND: Final = 20


async def ordered_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """A user's job, whose files are in order by now. NOT_FOUND `job_not_found`."""
    async with transaction(ctx.pool, readonly=True) as tx:
        job = await jobs.read_own(tx, job_id, user_id)
        if job is None:
            raise job_not_found()
        unordered = await natural_order.is_unordered(tx, job.torrent_id)
    if unordered:
        await order_torrent(ctx, job.torrent_id)
    return job


async def order_torrent(ctx: Context, torrent_id: UUID) -> None:
    """Write the places of all of its entries, a batch a transaction: who is interrupted is carried on by the next one,
    who finds the same places."""
    async with ctx.ordering:
        async with connection(ctx.pool) as tx:
            if not await natural_order.is_unordered(tx, torrent_id):
                return
            entries = await natural_order.read_paths(tx, torrent_id)
        ids = [entry["entry_id"] for entry in entries]
        places = await asyncio.to_thread(natural_places, [entry["path"] for entry in entries])
        for at in range(0, len(ids), BATCH):
            part = slice(at, at + BATCH)

            async def write(part: slice = part) -> None:
                async with transaction(ctx.pool) as tx:
                    await objects.lock_entries(tx, ids[part])
                    await natural_order.write_places(tx, ids[part], places[part])

            await retrying(write)


async def order_files(ctx: Context) -> int:
    """The sweep. Answers how many torrents it put in order."""
    for done in range(TORRENTS_A_ROUND):
        async with connection(ctx.pool) as tx:
            torrent_id = await natural_order.any_unordered(tx)
        if torrent_id is None:
            return done
        await order_torrent(ctx, torrent_id)
    return TORRENTS_A_ROUND
