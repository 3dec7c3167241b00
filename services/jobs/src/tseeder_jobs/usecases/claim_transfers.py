"""An agent with room asks for work: plan priority, then fewest running for the user who is charged, then age."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, ClaimedLease, LeaseRef
from tseeder_jobs.domain.failures import AGENT_LOST
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import agents, leases, torrents, transfers, usage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.failing import count_death
from tseeder_jobs.usecases.wish import show_transfer
from tseeder_kit.errors import unauthenticated
from tseeder_kit.telemetry import LONG_BUCKETS, counter, histogram
from tseeder_kit.trace_context import parse_traceparent
from tseeder_kit.tracing import Attributes, start
from tseeder_pg import retrying, transaction

CANDIDATES = 32

_claims: Final = counter("jobs_claims", "Transfers given to agents")
_takeovers: Final = counter("jobs_takeovers", "Transfers given to an agent after another lease for them had run out")
_waits: Final = histogram(
    "jobs_claim_wait_seconds", "Time from when a transfer could be had until it was claimed", buckets=LONG_BUCKETS
)


async def claim_transfers(ctx: Context, caller: AgentCaller, limit: int, disk_free_bytes: int) -> list[ClaimedLease]:
    """Up to `limit` transfers that fit into `disk_free_bytes` together; none for a cordoned or draining agent."""
    claimed: list[ClaimedLease] = []
    free = disk_free_bytes
    while len(claimed) < limit:
        lease = await _claim_best(ctx, caller, free)
        if lease is None:
            break
        claimed.append(lease)
        _tell(caller, lease)
        free -= lease.disk_reserved_bytes
    if claimed:
        await Doorbell().ring(ctx)
    return claimed


def _tell(caller: AgentCaller, claimed: ClaimedLease) -> None:
    """To metrics, and to the transfer's trace, how long it waited."""
    _claims.inc()
    _takeovers.inc(int(claimed.taken_over))
    _waits.observe(claimed.waited_seconds)
    above = parse_traceparent(claimed.traceparent)
    if above is None:
        return
    attributes: Attributes = {
        "tseeder.transfer.id": str(claimed.lease.transfer_id),
        "tseeder.lease.epoch": claimed.lease.epoch,
        "tseeder.lease.taken_over": claimed.taken_over,
        "tseeder.agent.id": caller.agent_id,
    }
    start("transfer queued", parent=above, attributes=attributes, began=time.time() - claimed.waited_seconds).end()


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
        if agent.cordoned or agent.draining or agent.drain_ordered:
            return None
        held = await usage.try_lock(tx, payer)
        if held is None or await usage.count_running(tx, payer) >= held.running_limit:
            return None
        found = await transfers.lock_claimable(tx, transfer_id, payer)
        if found is None:
            return None
        transfer, disk = found.transfer, found.disk_needed_bytes
        if disk > disk_free_bytes or await transfers.runs_same_digest(tx, transfer.torrent_id, caller.agent_id):
            return None
        taken_over = await leases.end_attempts(tx, transfer_id, "expired", AGENT_LOST)
        if taken_over and await count_death(ctx, tx, transfer):
            return None
        torrent = await torrents.read(tx, transfer.torrent_id)
        known = torrent is not None and torrent.verified
        state = TransferState.DOWNLOADING if known else TransferState.RESOLVING
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
        return ClaimedLease(
            LeaseRef(transfer_id, epoch), expires, disk, found.traceparent, found.waited_seconds, taken_over
        )
