"""The operators' way to try a dead letter again: each job that stands failed on it is reopened, as its user's retry
would do it. One transaction a job, so that a refusal or a crash leaves the others as they are; a repeat goes on with
what is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JOB_WANTING, JobState
from tseeder_jobs.store import dead_letters
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import own_job
from tseeder_jobs.usecases.read_dead_letters import dead_letter_not_found
from tseeder_jobs.usecases.retry_job import reopen_ended
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger
from tseeder_pg import retrying, transaction

BATCH: Final = 100
LONGEST_SECONDS: Final = 5.0
"""Who asked waits for an answer, and the audit log with him; then what is left is for another call."""
REFUSALS: Final = frozenset({Kind.FORBIDDEN, Kind.INVALID, Kind.PRECONDITION, Kind.UNPROCESSABLE})
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many jobs are wanted again, and how many stay failed since their users' limits, as billing last told them,
    refuse them. `transfer_id`: on which they wait now; None if none waits. There was no time for those that are `left`.
    """

    jobs: int = 0
    refused: int = 0
    transfer_id: UUID | None = None
    left: int = 0

    def with_job(self, job: JobRow) -> Replayed:
        """One more."""
        waits = job.transfer_id if job.state in JOB_WANTING else self.transfer_id
        return replace(self, jobs=self.jobs + 1, transfer_id=waits)

    def with_refusal(self) -> Replayed:
        """One that stays failed."""
        return replace(self, refused=self.refused + 1)


async def replay_dead_letter(ctx: Context, transfer_id: UUID) -> Replayed:
    """NOT_FOUND `dead_letter_not_found`. What its user retried, cancelled or deleted meanwhile is left alone."""
    async with transaction(ctx.pool, readonly=True) as tx:
        if await dead_letters.read(tx, transfer_id) is None:
            raise dead_letter_not_found()
    done, after, until = Replayed(), None, boottime() + LONGEST_SECONDS
    while True:
        async with transaction(ctx.pool, readonly=True) as tx:
            found = await dead_letters.failed_jobs(tx, transfer_id, after, BATCH)
        for job_id, _ in found:
            done, after = await _replay(ctx, transfer_id, job_id, done), job_id
            if boottime() > until:
                return replace(done, left=await _left(ctx, transfer_id, job_id))
        if len(found) < BATCH:
            return done


async def _left(ctx: Context, transfer_id: UUID, after: UUID) -> int:
    async with transaction(ctx.pool, readonly=True) as tx:
        return await dead_letters.count_failed_after(tx, transfer_id, after)


async def _replay(ctx: Context, transfer_id: UUID, job_id: UUID, done: Replayed) -> Replayed:
    bell = Doorbell()

    async def reopen() -> JobRow | None:
        async with own_job(ctx, None, job_id) as own:
            if own.job.state is not JobState.FAILED or own.job.transfer_id != transfer_id:
                return None
            await reopen_ended(own, bell)
            return await own.reread()

    try:
        job = await retrying(reopen)
    except AppError as exc:
        if exc.kind is Kind.NOT_FOUND:  # deleted meanwhile
            return done
        if exc.kind not in REFUSALS:
            raise
        _log.info("replay_refused", job_id=str(job_id), code=exc.code)
        return done.with_refusal()
    await bell.ring(ctx)
    return done.with_job(job) if job is not None else done
