"""Steps that several verbs share, inside their transaction: what a transfer is wanted for, and how jobs end.

The caller holds, in this order, the usage rows of the users whose jobs it changes, the torrent's row and, where there
is one, the transfer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tseeder_jobs.domain.rows import Reason, TransferRow
from tseeder_jobs.domain.states import TRANSFER_RUNNING, JobState, TransferState, job_state_under
from tseeder_jobs.store import diagnosis, events, files, jobs, leases, objects, torrents, transfers, usage
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.ids import uuid7
from tseeder_pg import Tx


def changed_meanwhile() -> AppError:
    """What was read before the locks is not so any more; `tseeder_pg.retrying` tries again."""
    return unavailable("database_conflict", "Something else changed this at the same moment. Try again.")


async def start_transfer(tx: Tx, torrent_id: UUID, user_id: UUID, priority: int, bell: Doorbell) -> TransferRow:
    """The torrent's live transfer, or a new one in the queue."""
    live = await transfers.lock_live(tx, torrent_id)
    if live is not None:
        return live
    transfer_id = uuid7()
    await transfers.insert(
        tx,
        transfer_id,
        torrent_id,
        payer_user_id=user_id,
        priority=priority,
        disk_needed_bytes=0,
        traceparent=bell.traceparent,
    )
    bell.work = True
    made = await transfers.lock(tx, transfer_id)
    if made is None:
        raise changed_meanwhile()
    return made


async def refresh_wish(tx: Tx, transfer: TransferRow, bell: Doorbell, *, changed: bool = True) -> TransferState:
    """After jobs joined, left, paused or chose: who pays, what is needed, and whether anybody still wants it.

    `changed`: what is wanted is another than before, so that the agent must describe again. With no live job the
    transfer is cancelled; with paused ones only it is parked (a running one by an order, so that its agent lets go in
    its own time; what is whole there and not in S3 yet is fetched anew when one of them goes on). Answers the
    transfer's state.
    """
    wish = await transfers.read_wish(tx, transfer.transfer_id)
    if wish.unpaused == 0 and wish.paused == 0:
        await end_transfer(tx, transfer, TransferState.CANCELLED, bell, outcome="cancelled")
        return TransferState.CANCELLED
    payer = wish.payer_user_id or transfer.payer_user_id
    await transfers.set_wish(tx, transfer.transfer_id, wish, payer_user_id=payer, changed=changed)
    if wish.unpaused and transfer.state is TransferState.PARKED:
        await _move(tx, transfer, TransferState.QUEUED)
        bell.work = True
        return TransferState.QUEUED
    if not wish.unpaused and transfer.state is TransferState.QUEUED:
        await drop_lease(tx, transfer, bell, outcome="parked")
        await _move(tx, transfer, TransferState.PARKED)
        return TransferState.PARKED
    if changed and transfer.state in TRANSFER_RUNNING:
        lease = await leases.lock(tx, transfer.transfer_id)
        if lease is not None:
            await leases.reserve(tx, transfer.transfer_id, wish.disk_bytes)
            bell.agents.add(lease.agent_id)
    return transfer.state


async def _move(tx: Tx, transfer: TransferRow, new: TransferState) -> None:
    if not await transfers.move(tx, transfer.transfer_id, old=transfer.state, new=new):
        raise changed_meanwhile()


async def drop_lease(
    tx: Tx, transfer: TransferRow, bell: Doorbell, *, outcome: str, reason: Reason | None = None
) -> None:
    """Whoever held it is refused from now on."""
    agent_id = await leases.drop(tx, transfer.transfer_id)
    if agent_id is None:
        return
    bell.agents.add(agent_id)
    await transfers.raise_epoch(tx, transfer.transfer_id)
    await leases.end_attempts(tx, transfer.transfer_id, outcome, reason)


async def end_transfer(
    tx: Tx,
    transfer: TransferRow,
    new: TransferState,
    bell: Doorbell,
    *,
    outcome: str,
    reason: Reason | None = None,
    joined: UUID | None = None,
) -> None:
    """To `stored`, `failed` or `cancelled`, taking the lease with it. Its live jobs are the caller's to move."""
    await drop_lease(tx, transfer, bell, outcome=outcome, reason=reason)
    if not await transfers.move(tx, transfer.transfer_id, old=transfer.state, new=new, reason=reason, joined=joined):
        raise changed_meanwhile()
    if new is not TransferState.FAILED:
        await diagnosis.forget_sighting(tx, transfer.transfer_id)


async def show_transfer(tx: Tx, transfer_id: UUID, state: TransferState, *, touched: bool = False) -> None:
    """Let the waiting jobs show the transfer's new state (`touched`: or its new reason)."""
    changed = await jobs.mirror_transfer(tx, transfer_id, job_state_under(state), touched=touched)
    await events.append_changed(tx, changed)


async def end_job(tx: Tx, job: LiveJob, torrent_id: UUID, new: JobState, reason: Reason | None = None) -> None:
    """A live job ends: what it still waited for is dropped and no longer reserved; what is stored stays."""
    await jobs.lock(tx, [job.job_id])
    await files.drop_pending(tx, job.job_id)
    if not await jobs.set_state(tx, job.job_id, old=job.state, new=new, reason=reason):
        raise changed_meanwhile()
    await usage.recharge(tx, [job.user_id], torrent_id)
    await usage.add_live_jobs(tx, job.user_id, -1)
    await objects.collect(tx, await objects.entries_of_job(tx, job.job_id))
    await events.append_changed(tx, [job.job_id])


async def complete_jobs(tx: Tx, job_ids: Sequence[UUID]) -> list[LiveJob]:
    """Of these jobs, whose totals are fresh: complete those that have all they wanted; answers them."""
    done = await jobs.find_done(tx, job_ids)
    for job in done:
        if not await jobs.set_state(tx, job.job_id, old=job.state, new=JobState.COMPLETED):
            raise changed_meanwhile()
        await usage.add_live_jobs(tx, job.user_id, -1)
    return done


async def lock_torrent(tx: Tx, torrent_id: UUID) -> None:
    """Hold one torrent's row; it may have been purged since it was read."""
    if not await torrents.lock(tx, [torrent_id]):
        raise changed_meanwhile()
