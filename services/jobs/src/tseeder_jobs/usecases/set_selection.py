"""Choose other files: before, while and after they are fetched. A wider choice after the end makes the next run; a
stored file that is no longer chosen is given up."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JobState
from tseeder_jobs.store import events, files, jobs, objects, primaries, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.entitle import refresh_limits
from tseeder_jobs.usecases.own_job import OwnJob, own_job
from tseeder_jobs.usecases.reopen import attach
from tseeder_jobs.usecases.submit_job import check_growth, check_selection
from tseeder_kit.errors import conflict
from tseeder_pg import retrying

CHOOSING_ENDED = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})


async def set_selection(ctx: Context, user_id: UUID, job_id: UUID, selection: list[int] | None) -> JobRow:
    """The job with its new selection (None: all files)."""
    await refresh_limits(ctx, user_id)
    bell = Doorbell()

    async def choose() -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            if own.job.state in CHOOSING_ENDED:
                raise conflict("job_ended", "Retry this job before you choose its files.", state=own.job.state)
            if own.torrent.verified:
                await check_selection(own.tx, own.job.torrent_id, selection)
            await jobs.set_selection(own.tx, job_id, selection)
            if own.torrent.verified:
                await files.select(own.tx, job_id, selection)
                await primaries.refresh(own.tx, job_id)
                await _follow(own, bell)
                await check_growth(own.tx, own.usage)
            await events.append_changed(own.tx, [job_id])
            return await own.reread()

    job = await retrying(choose)
    await bell.ring(ctx)
    return job


async def _follow(own: OwnJob, bell: Doorbell) -> None:
    if own.job.state is not JobState.PAUSED:
        await attach(own, bell)
        return
    await files.reopen(own.tx, own.job.job_id)
    await jobs.count_files(own.tx, [own.job.job_id])
    await usage.recharge(own.tx, [own.job.user_id], own.job.torrent_id)
    await objects.collect(own.tx, await objects.entries_of_job(own.tx, own.job.job_id))
