"""An agent with room asks for work: plan priority, then fewest running for the user who is charged, then age."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, ClaimedLease, LeaseRef
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import agents, leases, torrents, transfers, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import show_transfer
from tseeder_kit.errors import unauthenticated
from tseeder_pg import retrying, transaction

CANDIDATES = 32


async def claim_transfers(ctx: Context, caller: AgentCaller, limit: int, disk_free_bytes: int) -> list[ClaimedLease]:
    """Up to `limit` transfers that fit into `disk_free_bytes` together; none for a cordoned or draining agent."""
    claimed: list[ClaimedLease] = []
    free = disk_free_bytes
    while len(claimed) < limit:
        lease = await _claim_best(ctx, caller, free)
        if lease is None:
            break
        claimed.append(lease)
        free -= lease.disk_reserved_bytes
    if claimed:
        await Doorbell().ring(ctx)
    return claimed


async def _claim_best(ctx: Context, caller: AgentCaller, disk_free_bytes: int) -> ClaimedLease | None:
    """The best that can be had. One at a time: after it, whoever runs fewest is another one."""
    async with transaction(ctx.pool) as tx:
        candidates = await transfers.candidates(tx, caller.agent_id, disk_free_bytes, CANDIDATES)
    for transfer_id, payer in candidates:
        lease = await retrying(partial(_claim, ctx, caller, transfer_id, payer, disk_free_bytes))
        if lease is not None:
            return lease
    return None


async def _claim(
    ctx: Context, caller: AgentCaller, transfer_id: UUID, payer: UUID, disk_free_bytes: int
) -> ClaimedLease | None:
    """Lock in order, skip what others hold, look again at everything."""
    async with transaction(ctx.pool) as tx:
        agent = await agents.lock(tx, caller.agent_id)
        if agent is None or agent.boot_id != caller.boot_id:
            raise unauthenticated("agent_credential_invalid", "A newer boot has this agent's id.")
        if agent.cordoned or agent.draining:
            return None
        held = await usage.try_lock(tx, payer)
        if held is None or await usage.count_running(tx, payer) >= held.running_limit:
            return None
        found = await transfers.lock_claimable(tx, transfer_id, payer)
        if found is None:
            return None
        transfer, disk = found
        if disk > disk_free_bytes or await transfers.runs_same_digest(tx, transfer.torrent_id, caller.agent_id):
            return None
        torrent = await torrents.read(tx, transfer.torrent_id)
        known = torrent is not None and torrent.verified
        state = TransferState.DOWNLOADING if known else TransferState.RESOLVING
        await leases.end_attempts(tx, transfer_id, "expired")
        epoch = await transfers.claim(tx, transfer_id, state)
        expires = await leases.take(
            tx,
            transfer_id,
            epoch=epoch,
            agent_id=caller.agent_id,
            boot_id=caller.boot_id,
            lasts=timedelta(seconds=ctx.settings.lease_seconds),
            disk_bytes=disk,
        )
        await leases.begin_attempt(tx, transfer_id, epoch, caller.agent_id, caller.boot_id)
        await show_transfer(tx, transfer_id, state, touched=True)
        return ClaimedLease(LeaseRef(transfer_id, epoch), expires, disk)
