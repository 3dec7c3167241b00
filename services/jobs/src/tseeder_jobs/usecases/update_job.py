"""Change what a user calls his job, how it stands among his own, and which file is the main one: in any state."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tseeder_jobs.domain.names import job_name
from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JOB_WANTING
from tseeder_jobs.store import events, files, jobs, primaries
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import OwnJob, job_not_found, own_job
from tseeder_jobs.usecases.read_files import file_not_found
from tseeder_jobs.usecases.wish import refresh_wish
from tseeder_kit.errors import conflict
from tseeder_pg import Tx, retrying, transaction


@dataclass(frozen=True, slots=True)
class PrimaryChoice:
    """The user's own main media file; None: the largest is it again."""

    file_id: UUID | None


@dataclass(frozen=True, slots=True)
class JobChanges:
    """What is to change; None: as it is. `name`: "" is the torrent's own; `own_priority`: -1, 0, 1."""

    name: str | None = None
    own_priority: int | None = None
    primary: PrimaryChoice | None = None


async def update_job(ctx: Context, user_id: UUID, job_id: UUID, changes: JobChanges) -> JobRow:
    """The job as it is now. The same again is no change.

    Errors: NOT_FOUND `job_not_found`, `file_not_found` (of this job); INVALID `bad_name`; CONFLICT `file_not_wanted`.
    """
    name = None if changes.name is None else job_name(changes.name)

    async def describe() -> JobRow:
        async with transaction(ctx.pool) as tx:
            # One row, the last in the order of locks, is all that this holds; its transfer need not know.
            await jobs.lock(tx, [job_id])
            if await _describe(tx, user_id, job_id, name, changes.primary):
                await events.append_changed(tx, [job_id])
            row = await jobs.read_own(tx, job_id, user_id)
            if row is None:
                raise job_not_found()
            return row

    if changes.own_priority is None:
        return await retrying(describe)
    bell = Doorbell()

    async def change(own_priority: int = changes.own_priority) -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            described = await _describe(own.tx, user_id, job_id, name, changes.primary)
            moved = await jobs.set_own_priority(own.tx, job_id, own_priority)
            if moved:
                await _reorder(own, bell)
            if described or moved:
                await events.append_changed(own.tx, [job_id])
            return await own.reread()

    job = await retrying(change)
    await bell.ring(ctx)
    return job


async def _describe(tx: Tx, user_id: UUID, job_id: UUID, name: str | None, primary: PrimaryChoice | None) -> bool:
    """Whether anything is another than before. The job's row, if he has such a job, is held."""
    renamed = name is not None and await jobs.rename(tx, job_id, user_id, name or None)
    chosen = primary is not None and await _choose(tx, user_id, job_id, primary.file_id)
    return renamed or chosen


async def _choose(tx: Tx, user_id: UUID, job_id: UUID, file_id: UUID | None) -> bool:
    if await jobs.read_own(tx, job_id, user_id) is None:
        raise job_not_found()
    if file_id is not None:
        file = await files.read_own(tx, file_id, user_id)
        if file is None or file.job_id != job_id:
            raise file_not_found()
        if not file.selected:
            raise conflict("file_not_wanted", "Select this file before you make it the main one.")
    return await primaries.choose(tx, job_id, file_id)


async def _reorder(own: OwnJob, bell: Doorbell) -> None:
    """What is wanted is the same; only its place in the queue may be another."""
    transfer = own.transfer
    if own.job.state in JOB_WANTING and transfer is not None and transfer.transfer_id == own.job.transfer_id:
        await refresh_wish(own.tx, transfer, bell, changed=False)
