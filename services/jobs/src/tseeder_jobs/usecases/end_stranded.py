"""A transfer that failed takes its live jobs with it: in batches, carried on by the sweep."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TRANSFER_ENDED, JobState, TransferState
from tseeder_jobs.store import jobs, transfers, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import changed_meanwhile, end_job, lock_torrent
from tseeder_pg import connection, retrying, transaction

BATCH = 100


async def end_jobs_of(ctx: Context, transfer_id: UUID) -> int:
    """End the jobs that still wait on an ended transfer, with its reason; answers how many."""
    ended = 0
    while True:
        count = await retrying(lambda: _end_batch(ctx, transfer_id))
        ended += count
        if count < BATCH:
            break
    if ended:
        await Doorbell().ring(ctx)
    return ended


async def _end_batch(ctx: Context, transfer_id: UUID) -> int:
    async with transaction(ctx.pool) as tx:
        transfer = await transfers.read(tx, transfer_id)
        waiting = await jobs.live_on_transfer(tx, transfer_id, BATCH)
        if transfer is None or transfer.state not in TRANSFER_ENDED or not waiting:
            return 0
        await usage.lock(tx, sorted({job.user_id for job in waiting}))
        await lock_torrent(tx, transfer.torrent_id)
        if await jobs.live_on_transfer(tx, transfer_id, BATCH) != waiting:
            raise changed_meanwhile()
        reason = await transfers.read_reason(tx, transfer_id)
        failed = transfer.state is TransferState.FAILED
        for job in waiting:
            new = JobState.FAILED if failed else JobState.CANCELLED
            why = (reason or Reason("transfer_failed", "The transfer failed.")) if failed else reason
            await end_job(tx, job, transfer.torrent_id, new, why)
        return len(waiting)


async def end_stranded(ctx: Context) -> int:
    """The sweep: whatever a crash left."""
    async with connection(ctx.pool) as tx:
        ended = await jobs.stranded(tx)
    return sum([await end_jobs_of(ctx, transfer_id) for transfer_id in ended])
