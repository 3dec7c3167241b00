"""Files end when the time that their owner's plan keeps them is over, and never sooner than a notice after he was
told. What ends is given up like a file that its owner deletes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import JOB_LIVE, JobState
from tseeder_jobs.store import events, jobs, links, objects, primaries, retention, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import OwnJob, own_job
from tseeder_jobs.usecases.wish import complete_jobs, refresh_wish
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger
from tseeder_pg import connection, retrying, transaction

USERS: Final = 500
JOBS: Final = 200
FILES: Final = 10_000
RETENTION_OVER: Final = Reason("retention_over", "Its files were kept for as long as the plan keeps them.")
_FIRST: Final = UUID(int=0)
_log = get_logger(__name__)


async def expire_files(ctx: Context) -> int:
    """The sweep. Answers how many files ended.

    Each time billing says anew how long everybody's files are kept; while it is away nothing ends.
    """
    ended, after = 0, _FIRST
    while True:
        async with connection(ctx.pool) as tx:
            users = await retention.page_of_users(tx, after, USERS)
        if users:
            try:
                days = await ctx.billing.retention_days(users)
            except AppError as exc:
                if not exc.retryable:
                    raise
                _log.info("retention_not_asked", code=exc.code)
                return ended
            ended += await _of_users(ctx, days)
        if len(users) < USERS:
            return ended
        after = users[-1]


async def _of_users(ctx: Context, days: Mapping[UUID, int]) -> int:
    notice = timedelta(days=ctx.settings.retention_notice_days)
    async with transaction(ctx.pool) as tx:
        await retention.set_days(tx, days, notice)
    kept_for_a_time = [user_id for user_id, number in days.items() if number]
    if not kept_for_a_time:
        return 0
    await _warn(ctx, kept_for_a_time, notice)
    ended = 0
    while True:
        async with connection(ctx.pool) as tx:
            found = await retention.over(tx, kept_for_a_time, JOBS)
        now = sum([await _expire(ctx, job_id) for job_id in found])
        ended += now
        if not now:
            return ended


async def _warn(ctx: Context, users: Sequence[UUID], notice: timedelta) -> None:
    warned = JOBS
    while warned == JOBS:
        async with transaction(ctx.pool) as tx:
            told = await retention.warn(tx, users, notice, JOBS)
            await events.append_expiring(tx, told)
        warned = len(told)
        if told:
            await Doorbell().ring(ctx)


async def _expire(ctx: Context, job_id: UUID) -> int:
    """How many files of a job ended; 0 too if the job is gone."""
    bell = Doorbell()

    async def expire() -> int:
        try:
            async with own_job(ctx, None, job_id) as own:
                return await _end_files(own, bell)
        except AppError as exc:
            if exc.kind is Kind.NOT_FOUND:
                return 0
            raise

    ended = await retrying(expire)
    await bell.ring(ctx)
    return ended


async def _end_files(own: OwnJob, bell: Doorbell) -> int:
    tx, job = own.tx, own.job
    entries = await retention.expire(tx, job.job_id, FILES)
    if not entries:
        await jobs.count_files(tx, [job.job_id])  # its oldest file is another than the row said
        return 0
    await links.delete_of_ended(tx, job.job_id)
    await primaries.refresh(tx, job.job_id)
    await jobs.count_files(tx, [job.job_id])
    await usage.recharge(tx, [job.user_id], job.torrent_id, entries)
    await objects.collect(tx, entries)
    if job.state in JOB_LIVE:
        await complete_jobs(tx, [job.job_id])
        if own.transfer is not None:
            await refresh_wish(tx, own.transfer, bell)
    now = await own.reread()
    if now.state is JobState.COMPLETED and now.stored_files == 0:
        await jobs.set_state(tx, job.job_id, old=now.state, new=JobState.EXPIRED, reason=RETENTION_OVER)
    await events.append_changed(tx, [job.job_id])
    return len(entries)
