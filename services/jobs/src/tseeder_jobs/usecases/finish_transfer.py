"""Everything wanted is stored: the transfer ends, unless somebody wants more by now."""

from __future__ import annotations

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import leases, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.held_lease import hold, share
from tseeder_jobs.usecases.settle import settle
from tseeder_jobs.usecases.wish import changed_meanwhile, end_transfer
from tseeder_pg import retrying, transaction


async def finish_transfer(ctx: Context, caller: AgentCaller, lease: LeaseRef, wanted_version: int) -> bool:
    """False: the wish has another version, or something is not stored; the agent describes again.

    Paused jobs may still want more: then the transfer is parked instead of ended.
    """
    async with transaction(ctx.pool) as tx:
        held = await share(tx, caller, lease)
    await settle(ctx, held.torrent_id)
    bell = Doorbell()

    async def finish() -> bool:
        async with transaction(ctx.pool) as tx:
            transfer = await hold(tx, caller, lease)
            wish = await transfers.read_wish(tx, lease.transfer_id)
            if transfer.wanted_version != wanted_version or wish.missing_files or wish.unpaused:
                return False
            if not wish.paused:
                await end_transfer(tx, transfer, TransferState.STORED, bell, outcome="stored")
                return True
            await leases.drop(tx, lease.transfer_id)
            await leases.end_attempts(tx, lease.transfer_id, "parked")
            await transfers.raise_epoch(tx, lease.transfer_id)
            if not await transfers.move(tx, lease.transfer_id, old=transfer.state, new=TransferState.PARKED):
                raise changed_meanwhile()
            return True

    done = await retrying(finish)
    await bell.ring(ctx)
    return done
