"""End a wish. Files stored so far stay, and stay charged; other users' jobs on the same transfer are untouched."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow, Reason
from tseeder_jobs.domain.states import JOB_LIVE, JobState
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import OwnJob, own_job
from tseeder_jobs.usecases.wish import end_job, refresh_wish
from tseeder_pg import retrying


async def cancel_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """The job as it ended; one that had ended already is answered as it is."""
    return await cancel_as(ctx, user_id, job_id, None)


async def cancel_as(ctx: Context, user_id: UUID | None, job_id: UUID, reason: Reason | None) -> JobRow:
    """As its owner, or (None) as an operator, whose reason shows on the job."""
    bell = Doorbell()

    async def cancel() -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            await leave(own, bell, reason)
            return await own.reread()

    job = await retrying(cancel)
    await bell.ring(ctx)
    return job


async def leave(own: OwnJob, bell: Doorbell, reason: Reason | None = None) -> None:
    """Cancel a live job; the last one's leaving ends the transfer in the same transaction."""
    job = own.job
    if job.state not in JOB_LIVE:
        return
    live = LiveJob(job.job_id, job.user_id, job.state)
    await end_job(own.tx, live, job.torrent_id, JobState.CANCELLED, reason)
    if own.transfer is not None and own.transfer.transfer_id == job.transfer_id:
        await refresh_wish(own.tx, own.transfer, bell)
