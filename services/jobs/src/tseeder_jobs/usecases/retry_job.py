"""Retry: a failed, cancelled or expired job is wanted again, as its next run; what S3 holds is not fetched again."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JobState
from tseeder_jobs.store import files, primaries, retention
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.entitle import refresh_limits
from tseeder_jobs.usecases.own_job import OwnJob, own_job
from tseeder_jobs.usecases.reopen import attach
from tseeder_jobs.usecases.submit_job import check_growth, check_selection
from tseeder_kit.errors import conflict
from tseeder_pg import retrying

RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})


async def retry_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """The job in its next run. One that moves, or has all it wanted, has nothing to retry."""
    await refresh_limits(ctx, user_id)
    bell = Doorbell()

    async def retry() -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            if own.job.state not in RETRIED:
                raise conflict(
                    "job_not_retryable",
                    "Only a job that failed, expired or was cancelled is retried.",
                    state=own.job.state,
                )
            await reopen_ended(own, bell)
            return await own.reread()

    job = await retrying(retry)
    await bell.ring(ctx)
    return job


async def reopen_ended(own: OwnJob, bell: Doorbell) -> None:
    """Within its user's limits; nothing is changed where they, or the torrent's files, refuse it."""
    if own.torrent.verified:
        await retention.restore(own.tx, own.job.job_id)
        await check_selection(own.tx, own.job.torrent_id, own.job.selection)
        # A job that was refused when its metadata came has its files, but none of them selected.
        await files.select(own.tx, own.job.job_id, own.job.selection)
        await primaries.refresh(own.tx, own.job.job_id)
    await attach(own, bell)
    if own.torrent.verified:
        await check_growth(own.tx, own.usage)  # only now it is known what is fetched: not what he deleted of it
