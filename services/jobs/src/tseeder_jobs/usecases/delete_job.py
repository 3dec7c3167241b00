"""Give up a job and its files for good. Objects that nobody else holds are deleted at S3 by the sweep."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.store import diagnosis, events, jobs, objects, torrents, usage
from tseeder_jobs.usecases.cancel_job import leave
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import own_job
from tseeder_pg import retrying


async def delete_job(ctx: Context, user_id: UUID, job_id: UUID) -> None:
    """Cancels it first if it is live. The storage it took is free in the count at once."""
    bell = Doorbell()

    async def delete() -> None:
        async with own_job(ctx, user_id, job_id) as own:
            await leave(own, bell)
            entries = await objects.entries_of_job(own.tx, job_id)
            await jobs.delete(own.tx, job_id)
            if own.job.transfer_id is not None:
                await diagnosis.forget_unwanted_sighting(own.tx, own.job.transfer_id)
            await usage.recharge(own.tx, [user_id], own.job.torrent_id)
            await objects.collect(own.tx, entries)
            await torrents.mark_unused(own.tx, own.job.torrent_id)
            await events.append_deleted(own.tx, job_id, user_id)

    await retrying(delete)
    await bell.ring(ctx)
