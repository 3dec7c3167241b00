"""A transfer that no agent's scratch disk can hold would wait for ever: it fails, and says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import leases, torrents, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.wish import changed_meanwhile, end_transfer
from tseeder_pg import connection, retrying, transaction

SEEN_WITHIN: Final = timedelta(days=1)
"""An agent that was away for less still counts: a fleet that restarts fails nobody's job."""

TOO_LARGE: Final = Reason("too_large_for_agents", "No agent's scratch disk is large enough for this. Select less.")


async def fail_too_large(ctx: Context) -> int:
    """The sweep. Answers how many failed."""
    async with connection(ctx.pool) as tx:
        found = await transfers.too_large(tx, SEEN_WITHIN)
    return sum([await _fail(ctx, transfer_id) for transfer_id in found])


async def _fail(ctx: Context, transfer_id: UUID) -> bool:
    bell = Doorbell()

    async def fail() -> bool:
        async with transaction(ctx.pool) as tx:
            before = await transfers.read(tx, transfer_id)
            if before is None:
                return False
            await torrents.lock(tx, [before.torrent_id])
            transfer = await transfers.lock(tx, transfer_id)
            if transfer is None or transfer.torrent_id != before.torrent_id:
                raise changed_meanwhile()
            await leases.lock(tx, transfer_id)
            if not await transfers.is_too_large(tx, SEEN_WITHIN, transfer_id):
                return False
            await end_transfer(tx, transfer, TransferState.FAILED, bell, outcome="failed", reason=TOO_LARGE)
            return True

    failed = await retrying(fail)
    await bell.ring(ctx)
    await end_jobs_of(ctx, transfer_id)
    return failed
