"""Why a user's job is where it is, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.diagnosis import Diagnosed, Facts, Queue, TransferFacts, Verdict, diagnose
from tseeder_jobs.domain.evidence import SwarmEvidence
from tseeder_jobs.domain.rows import AttemptRow, JobRow, Reason, UsageRow
from tseeder_jobs.domain.states import JOB_WANTING, JobState, TransferState
from tseeder_jobs.store import diagnosis, jobs, leases, usage
from tseeder_jobs.store.diagnosis import SightingRow, Standing
from tseeder_jobs.usecases import sealing
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.own_job import job_not_found
from tseeder_jobs.usecases.sightings import open_sighting
from tseeder_pg import Tx, transaction

MOST_ATTEMPTS: Final = 20
_SHOWS_SWARM: Final = JOB_WANTING | {JobState.FAILED}


@dataclass(frozen=True, slots=True)
class Quota:
    """What the owner holds of what his plan allows, in bytes."""

    held_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdict and all that is shown with it. `swarm` has its owner's own trackers only."""

    job_id: UUID
    state: JobState
    said: Diagnosed
    queue: Queue | None
    swarm: SwarmEvidence | None
    swarm_seen_at: datetime | None
    quota: Quota | None
    attempts: tuple[AttemptRow, ...]
    attempts_spent: int
    attempts_allowed: int


@dataclass(frozen=True, slots=True)
class _Gathered:
    job: JobRow
    held: UsageRow | None
    sources: tuple[bytes, str] | None
    standing: Standing | None = None
    queue: Queue | None = None
    sighting: SightingRow | None = None
    attempts: tuple[AttemptRow, ...] = ()


async def diagnose_job(ctx: Context, user_id: UUID, job_id: UUID) -> Diagnosis:
    """NOT_FOUND `job_not_found` for one that is not there, or another user's."""
    async with transaction(ctx.pool, isolation="repeatable_read", readonly=True) as tx:
        found = await _gather(ctx, tx, user_id, job_id)
    job, standing = found.job, found.standing
    said = diagnose(
        Facts(
            now=standing.now if standing else job.updated_at,
            state=job.state,
            reason=_reason(job.reason_code, job.reason_message),
            created_at=job.created_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
            transfer=_facts(standing) if standing else None,
            queue=found.queue,
        )
    )
    seen = found.sighting if job.state in _SHOWS_SWARM else None
    over = said.verdict is Verdict.QUOTA_EXCEEDED and found.held is not None
    return Diagnosis(
        job_id=job_id,
        state=job.state,
        said=said,
        queue=found.queue,
        swarm=_swarm(ctx, found, seen) if seen else None,
        swarm_seen_at=seen.seen_at if seen else None,
        quota=_quota(found.held) if over and found.held else None,
        attempts=found.attempts,
        attempts_spent=standing.attempts_spent if standing else 0,
        attempts_allowed=ctx.settings.max_attempts,
    )


async def _gather(ctx: Context, tx: Tx, user_id: UUID, job_id: UUID) -> _Gathered:
    job = await jobs.read_own(tx, job_id, user_id)
    if job is None:
        raise job_not_found()
    held = await usage.read(tx, user_id)
    sources = await diagnosis.read_own_sources(tx, job_id)
    standing = await diagnosis.read_standing(tx, job.transfer_id) if job.transfer_id else None
    if standing is None or job.transfer_id is None:
        return _Gathered(job, held, sources)
    waits = job.state in JOB_WANTING and standing.state is TransferState.QUEUED
    return _Gathered(
        job=job,
        held=held,
        sources=sources,
        standing=standing,
        queue=await _queue(ctx, tx, job.transfer_id, standing, user_id, held) if waits else None,
        sighting=await diagnosis.read_sighting(tx, job.transfer_id),
        attempts=tuple(await leases.read_attempts(tx, job.transfer_id, MOST_ATTEMPTS)),
    )


async def _queue(
    ctx: Context, tx: Tx, transfer_id: UUID, standing: Standing, user_id: UUID, held: UsageRow | None
) -> Queue:
    """What others have in the queue is theirs to know: where another user pays, nothing of him is counted."""
    fleet = await diagnosis.read_fleet(tx, timedelta(seconds=ctx.settings.lease_seconds), standing.disk_needed_bytes)
    is_payer = standing.payer_user_id == user_id
    return Queue(
        own_ahead=await diagnosis.count_ahead(tx, transfer_id) if is_payer else 0,
        own_running=await usage.count_running(tx, user_id),
        running_limit=held.running_limit if held else 0,
        is_payer=is_payer,
        agents_alive=fleet.alive,
        agents_open=fleet.open,
        agents_taking=fleet.taking,
        agents_roomy=fleet.roomy,
        disk_needed_bytes=standing.disk_needed_bytes,
        largest_agent_disk_bytes=fleet.largest_disk_bytes,
        agent_last_seen_at=fleet.last_seen_at,
    )


def _facts(standing: Standing) -> TransferFacts:
    return TransferFacts(
        state=standing.state,
        reason=_reason(standing.reason_code, standing.reason_message),
        reason_at=standing.reason_at,
        waits_since=standing.waits_since,
        runs_since=standing.claimed_at,
        not_before=standing.not_before,
    )


def _swarm(ctx: Context, found: _Gathered, seen: SightingRow) -> SwarmEvidence | None:
    if found.job.transfer_id is None or found.sources is None:
        return None
    own = sealing.open_sources(ctx.keyring, [(found.job.job_id, *found.sources)])
    return open_sighting(ctx.keyring, found.job.transfer_id, seen, frozenset(own.trackers))


def _quota(held: UsageRow) -> Quota:
    return Quota(held.reserved_bytes + held.charged_bytes, held.storage_limit_bytes)


def _reason(code: str | None, message: str | None) -> Reason | None:
    return Reason(code, message or "") if code else None
