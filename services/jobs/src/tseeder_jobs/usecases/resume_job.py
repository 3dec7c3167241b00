"""Resume: a paused wish counts again, on the torrent's live transfer or a new one."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JOB_LIVE, JobState
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import own_job
from tseeder_jobs.usecases.reopen import attach
from tseeder_kit.errors import conflict
from tseeder_pg import retrying


async def resume_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """A job that moves already is answered as it is; an ended one is retried instead."""
    bell = Doorbell()

    async def resume() -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            if own.job.state not in JOB_LIVE:
                raise conflict("job_ended", "This job has ended; retry it instead.", state=own.job.state)
            if own.job.state is JobState.PAUSED:
                await attach(own, bell)
            return await own.reread()

    job = await retrying(resume)
    await bell.ring(ctx)
    return job
