"""Leases past their time: their transfers go back to the queue, with the same epoch, so that the same boot may still
renew until somebody claims."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tseeder_jobs.domain.failures import AGENT_LOST
from tseeder_jobs.domain.states import TRANSFER_RUNNING
from tseeder_jobs.store import leases, torrents, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.failing import luck, patience
from tseeder_jobs.usecases.wish import changed_meanwhile, show_transfer
from tseeder_pg import retrying, transaction

BATCH = 100


async def reap_leases(ctx: Context) -> int:
    """How many were given back. None while agents could not renew because jobs or Postgres was away."""
    lease = timedelta(seconds=ctx.settings.lease_seconds)
    async with transaction(ctx.pool) as tx:
        may_reap = await leases.beat(tx, lease / 3, lease)
        late = await leases.find_expired(tx, BATCH) if may_reap else []
    return sum([await _expire(ctx, transfer_id) for transfer_id in late])


async def _expire(ctx: Context, transfer_id: UUID) -> bool:
    bell = Doorbell()

    async def expire() -> bool:
        async with transaction(ctx.pool) as tx:
            before = await transfers.read(tx, transfer_id)
            if before is None:
                return False
            await torrents.share(tx, before.torrent_id)
            transfer = await transfers.lock(tx, transfer_id)
            lease = await leases.lock(tx, transfer_id)
            if transfer is None or lease is None or lease.expired or transfer.state not in TRANSFER_RUNNING:
                return False
            if not await leases.still_late(tx, transfer_id):
                return False
            await leases.expire(tx, transfer_id, transfer.state)
            # Whether it is a death, whoever claims will know: the same boot may still renew.
            wait = patience(ctx).wait_after_deaths(transfer.deaths + 1, luck())
            moved = await transfers.requeue(
                tx,
                transfer,
                raise_epoch=False,
                not_before=timedelta(seconds=wait),
                attempts_spent=transfer.attempts_spent,
                deaths=transfer.deaths,
                reason=AGENT_LOST,
            )
            if not moved:
                raise changed_meanwhile()
            await show_transfer(tx, transfer_id, transfer.state.QUEUED)
            bell.work = not wait
            return True

    done = await retrying(expire)
    if done:
        await bell.ring(ctx)
    return done
