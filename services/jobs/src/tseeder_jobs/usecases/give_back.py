"""Take a lease away and put its transfer back into the queue, under the next epoch."""

from __future__ import annotations

from datetime import timedelta

from tseeder_jobs.domain.agent_calls import LeaseRef
from tseeder_jobs.domain.failures import LeaseEnd, outlook
from tseeder_jobs.domain.rows import TransferRow
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import leases, torrents, transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.failing import luck, patience
from tseeder_jobs.usecases.wish import changed_meanwhile, end_transfer, show_transfer
from tseeder_pg import Tx, retrying, transaction


async def give_back(ctx: Context, ref: LeaseRef, *, end: LeaseEnd, outcome: str) -> bool:
    """False: that lease is not held (any more), and nothing was changed."""
    bell = Doorbell()

    async def back() -> bool:
        async with transaction(ctx.pool) as tx:
            before = await transfers.read(tx, ref.transfer_id)
            if before is None:
                return False
            await torrents.lock(tx, [before.torrent_id])
            transfer = await transfers.lock(tx, ref.transfer_id)
            lease = await leases.lock(tx, ref.transfer_id)
            if transfer is not None and transfer.torrent_id != before.torrent_id:
                raise changed_meanwhile()
            if transfer is None or lease is None or not lease.epoch == transfer.epoch == ref.epoch:
                return False
            await requeue(ctx, tx, transfer, bell, end=end, outcome=outcome)
            return True

    done = await retrying(back)
    await bell.ring(ctx)
    await end_jobs_of(ctx, ref.transfer_id)
    return done


async def requeue(ctx: Context, tx: Tx, transfer: TransferRow, bell: Doorbell, *, end: LeaseEnd, outcome: str) -> None:
    """Torrent, transfer and lease are held. Parked if everybody paused; failed where the reason, its attempts or its
    deaths say so; else it waits as long as they say."""
    counts = {"attempts_spent": transfer.attempts_spent, "deaths": transfer.deaths}
    out = outlook(patience(ctx), end, **counts, luck=luck())
    if out.fails is not None:
        await transfers.spend(tx, transfer.transfer_id, out.attempts_spent, out.deaths)
        # The attempt ends with its own reason; what the transfer says of all of them may be more.
        await leases.end_attempts(tx, transfer.transfer_id, outcome if end.died else "failed", end.reason)
        await end_transfer(tx, transfer, TransferState.FAILED, bell, outcome="failed", reason=out.fails)
        return
    await leases.drop(tx, transfer.transfer_id)
    await leases.end_attempts(tx, transfer.transfer_id, outcome, end.reason)
    moved = await transfers.requeue(
        tx,
        transfer,
        raise_epoch=True,
        not_before=timedelta(seconds=out.wait_seconds),
        attempts_spent=out.attempts_spent,
        deaths=out.deaths,
        reason=end.reason,
    )
    if not moved:
        raise changed_meanwhile()
    wish = await transfers.read_wish(tx, transfer.transfer_id)
    if wish.unpaused == 0:
        await _nobody_waits(tx, transfer, bell, paused=wish.paused > 0)
        return
    # What was stored meanwhile needs no disk any more.
    payer = wish.payer_user_id or transfer.payer_user_id
    await transfers.set_wish(tx, transfer.transfer_id, wish, payer_user_id=payer, changed=False)
    await show_transfer(tx, transfer.transfer_id, TransferState.QUEUED, touched=True)
    bell.work = not out.wait_seconds


async def _nobody_waits(tx: Tx, transfer: TransferRow, bell: Doorbell, *, paused: bool) -> None:
    again = await transfers.lock(tx, transfer.transfer_id)
    if again is None:
        raise changed_meanwhile()
    if paused:
        await transfers.move(tx, again.transfer_id, old=again.state, new=TransferState.PARKED)
    else:
        await end_transfer(tx, again, TransferState.STORED, bell, outcome="stored")
