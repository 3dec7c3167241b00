"""Pause: the wish leaves what its transfer fetches; what is stored meanwhile for others attaches to it all the same."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JOB_LIVE, JobState
from tseeder_jobs.store import events, jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import own_job
from tseeder_jobs.usecases.wish import changed_meanwhile, refresh_wish
from tseeder_kit.errors import conflict
from tseeder_pg import retrying


async def pause_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """A paused job is answered as it is; an ended one cannot be paused."""
    bell = Doorbell()

    async def pause() -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            if own.job.state not in JOB_LIVE:
                raise conflict("job_ended", "This job has ended; there is nothing to pause.", state=own.job.state)
            if own.job.state is not JobState.PAUSED:
                if not await jobs.set_state(own.tx, job_id, old=own.job.state, new=JobState.PAUSED):
                    raise changed_meanwhile()
                if own.transfer is not None:
                    await refresh_wish(own.tx, own.transfer, bell)
                await events.append_changed(own.tx, [job_id])
            return await own.reread()

    job = await retrying(pause)
    await bell.ring(ctx)
    return job
