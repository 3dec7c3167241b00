"""Change what a user calls his job, and how it stands among his own: in any state."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.names import job_name
from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JOB_WANTING
from tseeder_jobs.store import events, jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.own_job import OwnJob, job_not_found, own_job
from tseeder_jobs.usecases.wish import refresh_wish
from tseeder_pg import Tx, retrying, transaction


async def update_job(
    ctx: Context, user_id: UUID, job_id: UUID, *, name: str | None = None, own_priority: int | None = None
) -> JobRow:
    """The job as it is now. `name`: "" is the torrent's own, None as it is; `own_priority`: -1, 0, 1, None as it is.
    The same again is no change."""
    wanted = None if name is None else job_name(name)

    async def rename() -> JobRow:
        async with transaction(ctx.pool) as tx:
            # One row, the last in the order of locks, is all that this holds; its transfer need not know.
            if await _rename(tx, user_id, job_id, wanted):
                await events.append_changed(tx, [job_id])
            row = await jobs.read_own(tx, job_id, user_id)
            if row is None:
                raise job_not_found()
            return row

    if own_priority is None:
        return await retrying(rename)
    bell = Doorbell()

    async def change(own_priority: int = own_priority) -> JobRow:
        async with own_job(ctx, user_id, job_id) as own:
            renamed = await _rename(own.tx, user_id, job_id, wanted)
            moved = await jobs.set_own_priority(own.tx, job_id, own_priority)
            if moved:
                await _reorder(own, bell)
            if renamed or moved:
                await events.append_changed(own.tx, [job_id])
            return await own.reread()

    job = await retrying(change)
    await bell.ring(ctx)
    return job


async def _rename(tx: Tx, user_id: UUID, job_id: UUID, wanted: str | None) -> bool:
    return wanted is not None and await jobs.rename(tx, job_id, user_id, wanted or None)


async def _reorder(own: OwnJob, bell: Doorbell) -> None:
    """What is wanted is the same; only its place in the queue may be another."""
    transfer = own.transfer
    if own.job.state in JOB_WANTING and transfer is not None and transfer.transfer_id == own.job.transfer_id:
        await refresh_wish(own.tx, transfer, bell, changed=False)
