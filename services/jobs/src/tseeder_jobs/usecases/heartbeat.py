"""One call for all of an agent's leases. Only this call renews, only what it names, and only once it has committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, HeartbeatReply, HeldLease, LeaseRef, Order
from tseeder_jobs.store import agents, leases, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import changed_meanwhile, show_transfer
from tseeder_kit.errors import unauthenticated
from tseeder_pg import retrying, transaction


async def heartbeat(
    ctx: Context, caller: AgentCaller, held: Sequence[HeldLease], disk_free_bytes: int, draining: bool
) -> HeartbeatReply:
    """What lives on, what is lost, and what to do. A lease that expired and that nobody claimed comes back."""
    lasts = timedelta(seconds=ctx.settings.lease_seconds)
    named = {h.lease.transfer_id: h for h in held}
    async with transaction(ctx.pool) as tx:
        agent = await agents.beat(
            tx,
            caller.agent_id,
            caller.boot_id,
            disk_free_bytes=disk_free_bytes,
            draining=draining,
            credential_lasts=timedelta(seconds=ctx.settings.agent_credential_seconds),
        )
        if agent is None:
            raise unauthenticated("agent_credential_invalid", "A newer boot has this agent's id.")
        renewed = await leases.renew(
            tx,
            [(h.lease.transfer_id, h.lease.epoch, h.wanted_version) for h in named.values()],
            agent_id=caller.agent_id,
            boot_id=caller.boot_id,
            lasts=lasts,
        )
        await agents.add_history(tx, caller.agent_id, len(renewed), disk_free_bytes)
        # The answer to its claim was lost: nobody will name them, and there may be no other agent to take them.
        forgotten = await leases.forget(tx, caller.agent_id, caller.boot_id, list(named))
        late = [(h.lease.transfer_id, h.lease.epoch) for h in named.values() if h.lease.transfer_id not in renewed]
        expired = await leases.restorable(tx, late, agent_id=caller.agent_id, boot_id=caller.boot_id) if late else []
    if forgotten:
        await Doorbell(work=True).ring(ctx)
    for transfer_id in expired:
        if await _restore(ctx, caller, named[transfer_id].lease, lasts):
            renewed.add(transfer_id)
    return HeartbeatReply(
        renewed=tuple(h.lease for h in named.values() if h.lease.transfer_id in renewed),
        lost=tuple(h.lease for h in named.values() if h.lease.transfer_id not in renewed),
        orders=await _orders(ctx, [named[transfer_id] for transfer_id in sorted(renewed)]),
        drain=agent.drain_ordered,
        cordoned=agent.cordoned,
    )


async def _restore(ctx: Context, caller: AgentCaller, ref: LeaseRef, lasts: timedelta) -> bool:
    async def restore() -> bool:
        async with transaction(ctx.pool) as tx:
            transfer = await transfers.lock(tx, ref.transfer_id)
            lease = await leases.lock(tx, ref.transfer_id)
            if transfer is None or lease is None or lease.state_before is None:
                return False
            mine = (lease.agent_id, lease.boot_id) == (caller.agent_id, caller.boot_id)
            if not mine or not lease.epoch == transfer.epoch == ref.epoch:
                return False
            if not await transfers.move(tx, ref.transfer_id, old=transfer.state, new=lease.state_before):
                raise changed_meanwhile()
            await leases.restore(tx, ref.transfer_id, lasts)
            await show_transfer(tx, ref.transfer_id, lease.state_before)
            return True

    done = await retrying(restore)
    await Doorbell().ring(ctx)
    return done


async def _orders(ctx: Context, renewed: Sequence[HeldLease]) -> tuple[Order, ...]:
    if not renewed:
        return ()
    refs: dict[UUID, LeaseRef] = {h.lease.transfer_id: h.lease for h in renewed}
    async with transaction(ctx.pool) as tx:
        rows = await leases.orders(tx, [(h.lease.transfer_id, h.wanted_version) for h in renewed])
    return tuple(Order(refs[row.transfer_id], row.wanted_version, park=not row.wanted) for row in rows)
