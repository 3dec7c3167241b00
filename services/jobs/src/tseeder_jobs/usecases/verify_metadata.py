"""An agent found a magnet's info bytes. jobs hashes and parses them itself; what they prove decides whom the torrent
is shared with, and which transfer goes on."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef, MetadataVerdict
from tseeder_jobs.domain.failures import LeaseEnd
from tseeder_jobs.domain.rows import Reason, TorrentRow, TransferRow
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.domain.takedowns import BLOCKED
from tseeder_jobs.domain.torrent import Metainfo
from tseeder_jobs.store import files, jobs, leases, locks, takedowns, torrents, transfers, usage
from tseeder_jobs.usecases import sealing, sharing
from tseeder_jobs.usecases.absorb_magnets import adopt_jobs, merge, move_ended_jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.fail_transfer import fail_transfer
from tseeder_jobs.usecases.give_back import requeue
from tseeder_jobs.usecases.held_lease import lease_lost, share
from tseeder_jobs.usecases.settle import settle
from tseeder_jobs.usecases.wish import changed_meanwhile, end_transfer, refresh_wish, show_transfer
from tseeder_kit.errors import AppError, Kind, invalid
from tseeder_pg import Tx, retrying, transaction


async def verify_metadata(
    ctx: Context, caller: AgentCaller, lease: LeaseRef, info: bytes, layers: bytes | None
) -> MetadataVerdict:
    """Whether to go on (Describe tells with what). A repeat after a lost answer is told the same.

    Bytes that do not hash to what the magnet names are refused (`metadata_mismatch`); right bytes that jobs does not
    accept (too large, bad paths) fail the transfer, since nobody could find better ones.
    """
    claimed = await _claimed(ctx, caller, lease)
    try:
        meta = await ctx.parser.parse_info(info, layers)
    except AppError as exc:
        if exc.kind not in (Kind.INVALID, Kind.TOO_LARGE, Kind.UNPROCESSABLE):
            raise
        await _refuse_layers(ctx, info, layers, exc)
        return await _unacceptable(ctx, caller, lease, Reason(exc.code, exc.message), info, claimed)
    found = sealing.hashes_of(meta)
    if any(found.get(kind) != value for kind, value in claimed.items()):
        raise invalid("metadata_mismatch", "These info bytes do not hash to what was asked for.")
    bell = Doorbell()

    async def verify() -> tuple[MetadataVerdict, TransferRow | None]:
        async with transaction(ctx.pool) as tx:
            return await _verify(ctx, tx, caller, lease, meta, bell)

    verdict, transfer = await retrying(verify)
    await bell.ring(ctx)
    if transfer is not None:
        ctx.absorb_now.set()
        await settle(ctx, transfer.torrent_id)
    if verdict.reason is not None:
        await end_jobs_of(ctx, lease.transfer_id)
    return verdict


async def _refuse_layers(ctx: Context, info: bytes, layers: bytes | None, error: AppError) -> None:
    """No info-hash vouches for piece layers: where only they are wrong, nothing is said about the torrent."""
    if layers is None:
        return
    try:
        await ctx.parser.parse_info(info, None)
    except AppError:
        return
    raise invalid("metadata_mismatch", "These piece layers are not those of the torrent.") from error


async def _claimed(ctx: Context, caller: AgentCaller, lease: LeaseRef) -> dict[str, str]:
    async with transaction(ctx.pool) as tx:
        held = await share(tx, caller, lease)
        secrets = await torrents.read_secrets(tx, held.torrent_id)
    if secrets is None:
        raise lease_lost()
    return sealing.open_hashes(ctx.keyring, held.torrent_id, secrets)


async def _unacceptable(
    ctx: Context, caller: AgentCaller, lease: LeaseRef, reason: Reason, info: bytes, claimed: dict[str, str]
) -> MetadataVerdict:
    if not sealing.hashes_to(info, claimed):
        raise invalid("metadata_mismatch", "These info bytes do not hash to what was asked for.")
    await fail_transfer(ctx, caller, lease, reason)
    return MetadataVerdict(proceed=False, reason=reason)


async def _verify(
    ctx: Context, tx: Tx, caller: AgentCaller, lease: LeaseRef, meta: Metainfo, bell: Doorbell
) -> tuple[MetadataVerdict, TransferRow | None]:
    """All in one transaction; answers the transfer if it goes on."""
    hashes = sealing.hashes_of(meta)
    await locks.lock_digests(tx, sealing.digests_of(hashes))
    before = await transfers.read(tx, lease.transfer_id)
    torrent = await torrents.read(tx, before.torrent_id) if before else None
    if before is None or torrent is None:
        raise lease_lost()
    if torrent.verified:
        await share(tx, caller, lease)
        return MetadataVerdict(proceed=True), before
    if torrent.scope_user_id is None:
        raise changed_meanwhile()
    asked = sealing.asked_of(ctx.keyring, hashes)
    known = await sharing.find(ctx, tx, torrent.scope_user_id, asked, unverified=False)
    await usage.lock(tx, [torrent.scope_user_id])
    held = await torrents.lock(tx, [t.torrent_id for t in (torrent, known) if t is not None])
    transfer = await transfers.lock(tx, lease.transfer_id)
    if transfer is None or transfer.torrent_id != torrent.torrent_id or torrent.torrent_id not in held:
        raise changed_meanwhile()
    await share(tx, caller, lease)
    await leases.lock(tx, lease.transfer_id)
    if await takedowns.any_blocked(tx, asked.blinds):
        await end_transfer(tx, transfer, TransferState.FAILED, bell, outcome="failed", reason=BLOCKED)
        return MetadataVerdict(proceed=False, reason=BLOCKED), None
    if known is not None and known.torrent_id not in held:
        raise changed_meanwhile()
    goes_on = await _place(ctx, tx, torrent, known, transfer, meta, bell)
    verdict, after = await _go_on(tx, goes_on, bell)
    if after is not None and await leases.holds_twin(tx, after.torrent_id, caller.agent_id):
        # Two magnets, of one hash each, turn out to be one torrent that their users do not share: nobody could know
        # when this agent claimed both. Claims know from now on.
        why = Reason("hash_in_use", "This agent runs the same torrent under its other hash.")
        await requeue(ctx, tx, after, bell, end=LeaseEnd(None), outcome="released")
        return MetadataVerdict(proceed=False, reason=why), None
    return verdict, after


async def _place(
    ctx: Context,
    tx: Tx,
    torrent: TorrentRow,
    known: TorrentRow | None,
    transfer: TransferRow,
    meta: Metainfo,
    bell: Doorbell,
) -> TransferRow | None:
    """Write the metadata, or move to the torrent that has it already; answers the transfer if it lives on."""
    if known is None:
        user_id = torrent.scope_user_id
        if user_id is None:
            raise changed_meanwhile()
        await sharing.write_verified(ctx, tx, torrent.torrent_id, user_id, meta)
        live = await jobs.live_on_transfer(tx, transfer.transfer_id, limit=1000)
        await adopt_jobs(tx, live, torrent.torrent_id, None)
        live_ids = {job.job_id for job in live}
        await _adopt_ended(tx, torrent, live_ids)
        return transfer
    goes_on = await merge(tx, known, transfer, bell, keep_lease=True)
    await move_ended_jobs(tx, torrent.torrent_id, known.torrent_id)
    await torrents.mark_unused(tx, torrent.torrent_id)
    return await transfers.lock(tx, transfer.transfer_id) if goes_on else None


async def _adopt_ended(tx: Tx, torrent: TorrentRow, live: set[UUID]) -> None:
    """Jobs that were cancelled before their metadata was known get their files too, for a later retry."""
    for job_id in await jobs.on_torrent(tx, torrent.torrent_id):
        row = await jobs.read(tx, job_id) if job_id not in live else None
        if row is not None and row.file_count == 0:
            await files.insert_all(tx, job_id, row.user_id, torrent.torrent_id, [])
            await files.drop_pending(tx, job_id)
            await jobs.count_files(tx, [job_id])


async def _go_on(tx: Tx, transfer: TransferRow | None, bell: Doorbell) -> tuple[MetadataVerdict, TransferRow | None]:
    if transfer is None:
        joined = Reason("joined", "The torrent is known: its jobs wait on another transfer.")
        return MetadataVerdict(proceed=False, reason=joined), None
    state = await refresh_wish(tx, transfer, bell)
    if state is TransferState.CANCELLED:
        nobody = Reason("unwanted", "Nobody may have this torrent.")
        return MetadataVerdict(proceed=False, reason=nobody), None
    if transfer.state is TransferState.RESOLVING:
        moved = await transfers.move(
            tx, transfer.transfer_id, old=TransferState.RESOLVING, new=TransferState.DOWNLOADING
        )
        if not moved:
            raise changed_meanwhile()
        await show_transfer(tx, transfer.transfer_id, TransferState.DOWNLOADING)
    after = await transfers.lock(tx, transfer.transfer_id)
    return MetadataVerdict(proceed=True), after
