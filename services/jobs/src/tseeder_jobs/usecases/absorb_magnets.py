"""A magnet proves nothing until its info bytes are verified. When a torrent is, the unverified magnets of the same
info-hash whose users may share it move to it: each job with its files, its charges and its place in the queue."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import Reason, TorrentRow, TransferRow
from tseeder_jobs.domain.states import JOB_WANTING, JobState, TransferState, job_state_under
from tseeder_jobs.store import events, files, jobs, locks, objects, primaries, takedowns, torrents, transfers, usage
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.usecases import sealing
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import (
    changed_meanwhile,
    complete_jobs,
    end_job,
    end_transfer,
    refresh_wish,
    start_transfer,
)
from tseeder_pg import Tx, connection, retrying, transaction

BATCH = 50


async def absorb_magnets(ctx: Context) -> int:
    """Move every magnet that turned out to be a verified torrent; answers how many.

    A sweep's work, and not that of the call which verified the torrent: that call is accepted and committed, and no
    trouble with other users' magnets may fail it or keep it waiting.
    """
    if ctx.settings.dedupe == "off":
        return 0
    moved = 0
    while True:
        async with connection(ctx.pool) as tx:
            pairs = await torrents.unmerged(tx, BATCH, with_all=ctx.settings.dedupe == "global")
        now = sum([await _absorb_one(ctx, verified, magnet) for verified, magnet in pairs])
        moved += now
        if len(pairs) < BATCH or not now:
            return moved


async def _absorb_one(ctx: Context, verified_id: UUID, magnet_id: UUID) -> bool:
    bell = Doorbell()

    async def move() -> bool:
        async with transaction(ctx.pool) as tx:
            secrets = await torrents.read_secrets(tx, magnet_id)
            row = await torrents.read(tx, magnet_id)
            if secrets is None or row is None or row.verified or row.scope_user_id is None:
                return False
            hashes = sealing.open_hashes(ctx.keyring, magnet_id, secrets)
            await locks.lock_digests(tx, sealing.digests_of(hashes))
            await usage.lock(tx, [row.scope_user_id])
            held = await torrents.lock(tx, [verified_id, magnet_id])
            if magnet_id not in held or held[magnet_id].verified:
                return False
            if await takedowns.torrent_blocked(tx, verified_id):
                return False  # it fails by itself, once its metadata shows which torrent it is
            if verified_id not in held:
                raise changed_meanwhile()
            transfer = await transfers.lock_live(tx, magnet_id)
            if transfer is not None:
                await merge(tx, held[verified_id], transfer, bell, keep_lease=False)
            await move_ended_jobs(tx, magnet_id, verified_id)
            await torrents.mark_unused(tx, magnet_id)
            return True

    done = await retrying(move)
    await bell.ring(ctx)
    return done


async def move_ended_jobs(tx: Tx, magnet_id: UUID, verified_id: UUID) -> None:
    """Cancelled and failed jobs follow too, so that a retry finds the torrent known, and the magnet's row can go."""
    for job_id in await jobs.on_torrent(tx, magnet_id):
        row = await jobs.read(tx, job_id)
        if row is None:
            continue
        await jobs.move(tx, job_id, verified_id, None)
        # None of them selected, so that what is stored by now is not his, nor paid by him; a retry selects.
        await files.insert_all(tx, job_id, row.user_id, verified_id, [])
        await files.drop_pending(tx, job_id)
        await jobs.count_files(tx, [job_id])
        await usage.recharge(tx, [row.user_id], verified_id)
        await events.append_changed(tx, [job_id])
    await torrents.keep(tx, verified_id)
    await torrents.mark_unused(tx, verified_id)  # where nothing moved, and its own jobs are deleted meanwhile


async def merge(
    tx: Tx, verified: TorrentRow, transfer: TransferRow, bell: Doorbell, *, keep_lease: bool
) -> TransferRow | None:
    """Move the live jobs of a magnet's transfer to a verified torrent. Usage rows of their users, both torrents and
    the transfer are held.

    With `keep_lease` the transfer itself goes along where the torrent has no live one: its agent goes on. Else it
    ends, joined to the one that goes on. Answers the magnet's transfer if it lives on.
    """
    moving = await jobs.live_on_transfer(tx, transfer.transfer_id, limit=1000)
    other = await transfers.lock_live(tx, verified.torrent_id)
    if other is None and keep_lease:
        await transfers.rehome(tx, transfer.transfer_id, verified.torrent_id)
        await adopt_jobs(tx, moving, verified.torrent_id, None)
        return transfer
    if other is None and moving:
        # Made only once the first one has ended: a transfer that nobody waits on would be cancelled at once.
        other = await start_transfer(tx, verified.torrent_id, moving[0].user_id, 0, bell)
    joined = other.transfer_id if other else None
    await end_transfer(tx, transfer, TransferState.CANCELLED, bell, outcome="joined", joined=joined)
    await adopt_jobs(tx, moving, verified.torrent_id, other)
    if other is not None:
        state = await refresh_wish(tx, other, bell)
        await _show(tx, moving, state)
    return None


async def _show(tx: Tx, moved: list[LiveJob], state: TransferState) -> None:
    for job in moved:
        row = await jobs.read(tx, job.job_id)
        if row is not None and row.state in JOB_WANTING and row.state != job_state_under(state):
            await jobs.set_state(tx, job.job_id, old=row.state, new=job_state_under(state))
    await events.append_changed(tx, [job.job_id for job in moved])


async def adopt_jobs(tx: Tx, moving: list[LiveJob], torrent_id: UUID, transfer: TransferRow | None) -> None:
    """Give live jobs their files of a torrent whose metadata is verified now, and what follows from it: a wrong
    selection or a full quota fails the job, one whose files are all stored is completed."""
    for job in moving:
        await jobs.lock(tx, [job.job_id])
        row = await jobs.read(tx, job.job_id)
        if row is None:
            raise changed_meanwhile()
        await jobs.move(tx, job.job_id, torrent_id, transfer.transfer_id if transfer else None)
        reason = await _refusal(tx, job, torrent_id, row.selection)
        selection = row.selection if reason is None else []
        await files.insert_all(tx, job.job_id, job.user_id, torrent_id, selection)
        await primaries.refresh(tx, job.job_id)
        await jobs.count_files(tx, [job.job_id])
        await usage.recharge(tx, [job.user_id], torrent_id)
        await objects.collect(tx, await objects.entries_of_job(tx, job.job_id))
        if reason is not None:
            await end_job(tx, job, torrent_id, JobState.FAILED, reason)
    await complete_jobs(tx, [job.job_id for job in moving])
    await events.append_changed(tx, [job.job_id for job in moving])


async def _refusal(tx: Tx, job: LiveJob, torrent_id: UUID, selection: list[int] | None) -> Reason | None:
    if selection is not None:
        unknown = await files.first_unknown_index(tx, torrent_id, selection)
        if unknown is not None:
            return Reason("selection_out_of_range", f"The torrent has no file {unknown}.")
    held = (await usage.lock(tx, [job.user_id])).get(job.user_id)
    wanted = await files.new_bytes(tx, torrent_id, job.user_id, selection)
    if held is None or held.reserved_bytes + held.charged_bytes + wanted > held.storage_limit_bytes:
        return Reason("storage_quota_exceeded", "This torrent does not fit into your plan's storage.")
    return None
