"""An agent with room asks for work: plan priority, then fewest running for the user who is charged, then age."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, ClaimedLease, LeaseRef
from tseeder_jobs.domain.failures import AGENT_LOST
from tseeder_jobs.domain.rows import UsageRow
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import agents, lanes, leases, torrents, transfers, usage
from tseeder_jobs.store.lanes import Candidate
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.failing import count_death
from tseeder_jobs.usecases.wish import show_transfer
from tseeder_kit.errors import AppError, unauthenticated
from tseeder_kit.loops import pauses
from tseeder_kit.telemetry import LONG_BUCKETS, counter, histogram
from tseeder_kit.trace_context import parse_traceparent
from tseeder_kit.tracing import Attributes, start
from tseeder_pg import CONFLICT, Tx, retrying, transaction

TRIES: Final = 5
"""How often one user's row may be in the way before a claim passes him over."""
WAIT: Final = timedelta(milliseconds=250)
"""How long one try waits for it: whoever holds it is about to end, and those who wait get it in turn."""
ROUNDS: Final = 40
PAGES: Final = 8
"""Pages of lanes that one claim goes on with where all it saw before was nothing for this agent."""
DUE: Final = 100

_claims: Final = counter("jobs_claims", "Transfers given to agents")
_takeovers: Final = counter("jobs_takeovers", "Transfers given to an agent after another lease for them had run out")
_waits: Final = histogram(
    "jobs_claim_wait_seconds", "Time from when a transfer could be had until it was claimed", buckets=LONG_BUCKETS
)
_again: Final = counter("jobs_claim_rounds_again", "Claims that looked again, since what they had chosen was in use")


@dataclass(frozen=True, slots=True)
class _Again:
    """What was best is another one by now, or is held at this moment: who pays for it, to be waited for."""

    payer: UUID


async def claim_transfers(ctx: Context, caller: AgentCaller, limit: int, disk_free_bytes: int) -> list[ClaimedLease]:
    """Up to `limit` transfers that fit into `disk_free_bytes` together; none for a cordoned or draining agent."""
    claimed: list[ClaimedLease] = []
    free = disk_free_bytes
    await _open_due(ctx)
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


async def _open_due(ctx: Context) -> None:
    """What was put off and is due by now takes its place among the others, before anybody is chosen."""

    async def some() -> int:
        async with transaction(ctx.pool) as tx:
            return await lanes.open_due(tx, DUE)

    for _ in range(ROUNDS):
        if await retrying(some) < DUE:
            return


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
    """The best that can be had. One at a time: after it, whoever runs fewest is another one.

    Whoever is best and held by somebody else is waited for, before anybody is served who runs more than he does; only
    who stays in the way for TRIES times is passed over.
    """
    tries: Counter[UUID] = Counter()
    waited: UUID | None = None
    next_pause = pauses(0.002, 0.05)
    for _ in range(ROUNDS):
        passed = {payer for payer, count in tries.items() if count >= TRIES}
        try:
            found = await _claim_once(ctx, caller, disk_free_bytes, waited, passed)
        except AppError as exc:
            if exc.code != CONFLICT:
                raise
            found = None if waited is None else _Again(waited)
        else:
            if not isinstance(found, _Again):
                return found
        _again.inc()
        waited = found.payer if found else None
        if waited is not None:
            tries[waited] += 1
        await asyncio.sleep(next_pause())
    return None


async def _claim_once(
    ctx: Context, caller: AgentCaller, disk_free_bytes: int, waited: UUID | None, passed: set[UUID]
) -> ClaimedLease | _Again | None:
    """Lock in order, skip what others hold, look again at everything. `waited`: whose row is waited for first."""
    async with transaction(ctx.pool) as tx:
        if not await _may_claim(tx, caller):
            return None
        if waited is not None and waited not in passed:
            await lanes.wait_at_most(tx, WAIT)
            await usage.lock(tx, [waited])
        held: Candidate | None = None
        for each in await _candidates(ctx, tx, caller, disk_free_bytes):
            if held is not None and each.rank > held.rank:
                break
            if each.payer_user_id in passed:
                continue
            payer = await usage.try_lock(tx, each.payer_user_id)
            if payer is None:
                held = held or each
                continue
            if await usage.count_running(tx, each.payer_user_id) != each.running:
                return _Again(each.payer_user_id)
            lease = await _take(ctx, tx, caller, each, payer, disk_free_bytes)
            if isinstance(lease, ClaimedLease):
                return lease
            held = held or lease
        return _Again(held.payer_user_id) if held else None


async def _may_claim(tx: Tx, caller: AgentCaller) -> bool:
    """Holds the agent's row: its claims go one after the other."""
    agent = await agents.lock(tx, caller.agent_id)
    if agent is None or agent.boot_id != caller.boot_id:
        raise unauthenticated("agent_credential_invalid", "A newer boot has this agent's id.")
    return not (agent.cordoned or agent.draining or agent.drain_ordered)


async def _candidates(ctx: Context, tx: Tx, caller: AgentCaller, disk_free_bytes: int) -> list[Candidate]:
    """The best that this agent could take. Behind a crowd of what it runs already or what does not fit it goes on
    looking, a bounded way at a time: the next claim goes on from there."""
    found, place = await lanes.walk(tx, caller.agent_id, disk_free_bytes)
    if found or place is None:
        return found
    jumped = await lanes.jump(tx, caller.agent_id, disk_free_bytes)
    place = ctx.walked.pop(caller.agent_id, place)
    for _ in range(PAGES):
        if found or place is None or (jumped and place[:2] > jumped[0].rank):
            break
        here = place
        found, place = await lanes.walk(tx, caller.agent_id, disk_free_bytes, here)
        onward = here if found else place
        if onward is not None:
            ctx.walked[caller.agent_id] = onward
    return sorted([*found, *jumped], key=lambda each: each.rank)


async def _take(
    ctx: Context, tx: Tx, caller: AgentCaller, chosen: Candidate, payer: UsageRow, disk_free_bytes: int
) -> ClaimedLease | Candidate | None:
    """The lease. The candidate: somebody holds it at this moment; None: it is nothing for this agent after all."""
    if chosen.running >= payer.running_limit:
        return None
    found = await transfers.lock_claimable(tx, chosen.transfer_id, chosen.payer_user_id)
    if found is None:
        return chosen
    transfer, disk = found.transfer, found.disk_needed_bytes
    if disk > disk_free_bytes or await transfers.runs_same_digest(tx, transfer.torrent_id, caller.agent_id):
        return None
    await leases.lock(tx, transfer.transfer_id)  # before its attempt, as a heartbeat that forgets it does
    taken_over = await leases.end_attempts(tx, transfer.transfer_id, "expired", AGENT_LOST)
    if taken_over and await count_death(ctx, tx, transfer):
        return None
    torrent = await torrents.read(tx, transfer.torrent_id)
    known = torrent is not None and torrent.verified
    state = TransferState.DOWNLOADING if known else TransferState.RESOLVING
    epoch = await transfers.claim(tx, transfer.transfer_id, state)
    expires = await leases.take(
        tx,
        transfer.transfer_id,
        epoch=epoch,
        agent_id=caller.agent_id,
        boot_id=caller.boot_id,
        lasts=timedelta(seconds=ctx.settings.lease_seconds),
        disk_bytes=disk,
    )
    await leases.begin_attempt(tx, transfer.transfer_id, epoch, caller.agent_id, caller.boot_id)
    await show_transfer(tx, transfer.transfer_id, state, touched=True)
    ref = LeaseRef(transfer.transfer_id, epoch)
    return ClaimedLease(ref, expires, disk, found.traceparent, found.waited_seconds, taken_over)
