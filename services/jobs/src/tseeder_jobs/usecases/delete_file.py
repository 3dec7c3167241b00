"""Give up one file of a job: its bytes go when nobody else holds them, and a running transfer no longer wants it."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.states import JOB_LIVE
from tseeder_jobs.store import events, files, jobs, links, objects, primaries, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import own_job
from tseeder_jobs.usecases.wish import complete_jobs, refresh_wish
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import retrying, transaction


def file_not_found() -> AppError:
    """No such file, a deleted one, or another user's: told alike."""
    return not_found("file_not_found", "There is no such file.")


async def delete_file(ctx: Context, user_id: UUID, file_id: UUID) -> None:
    """The storage it took is free in the count at once. A job whose other files are stored is completed by it."""
    async with transaction(ctx.pool) as tx:
        before = await files.read_own(tx, file_id, user_id)
    if before is None:
        raise file_not_found()
    bell = Doorbell()

    async def delete() -> None:
        async with own_job(ctx, user_id, before.job_id) as own:
            if await files.read_own(own.tx, file_id, user_id) is None:
                raise file_not_found()
            await files.delete(own.tx, file_id)
            await links.delete_of_file(own.tx, own.job.job_id, file_id)
            if own.job.primary_file_id == file_id:
                await primaries.refresh(own.tx, own.job.job_id)
            await jobs.count_files(own.tx, [own.job.job_id])
            await usage.recharge(own.tx, [user_id], own.job.torrent_id, [before.entry_id])
            await objects.collect(own.tx, [before.entry_id])
            if own.job.state in JOB_LIVE:
                await complete_jobs(own.tx, [own.job.job_id])
                if own.transfer is not None:
                    await refresh_wish(own.tx, own.transfer, bell)
            await events.append_changed(own.tx, [own.job.job_id])

    await retrying(delete)
    await bell.ring(ctx)
