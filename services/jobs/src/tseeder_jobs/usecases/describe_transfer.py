"""All that a lease holder must know: identifiers, sources, entries with what S3 holds of them, and who looks."""

from __future__ import annotations

import asyncio

from tseeder_jobs.adapters.billing import METADATA_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS
from tseeder_jobs.domain.agent_calls import AgentCaller, Description, EntryView, LeaseRef
from tseeder_jobs.domain.parts import part_size
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable, UploadGone
from tseeder_jobs.store import jobs, objects, torrents, transfers, usage
from tseeder_jobs.store.objects import LiveObject
from tseeder_jobs.store.transfers import WantedEntry
from tseeder_jobs.usecases import sealing
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.held_lease import lease_lost, share
from tseeder_kit.errors import unavailable
from tseeder_pg import Tx, transaction

LISTS_AT_ONCE = 8


async def describe_transfer(ctx: Context, caller: AgentCaller, lease: LeaseRef) -> Description:
    """For the caller's own lease. Before a new epoch sees any part, the rows are compared with S3's own list."""
    await _reconcile(ctx, caller, lease)
    async with transaction(ctx.pool) as tx:
        # While the transfer's row is shared no wish changes: version, entries and views belong together.
        held = await share(tx, caller, lease)
        torrent = await torrents.read(tx, held.torrent_id)
        secrets = await torrents.read_secrets(tx, held.torrent_id)
        if torrent is None or secrets is None:
            raise lease_lost()
        entries = await transfers.wanted_entries(tx, lease.transfer_id)
        parts = await objects.held_parts(tx, [e.upload_id for e in entries if e.upload_id is not None])
        views = await transfers.views(tx, lease.transfer_id)
        sources = await jobs.read_sources(tx, lease.transfer_id)
        metadata_timeout, stall_timeout = await _timeouts(ctx, tx, lease)
    hashes = sealing.open_hashes(ctx.keyring, held.torrent_id, secrets)
    info, layers = sealing.open_metadata(ctx.keyring, held.torrent_id, secrets)
    return Description(
        lease=lease,
        wanted_version=held.wanted_version,
        state=held.state,
        info_hash_v1=hashes.get("v1", ""),
        info_hash_v2=hashes.get("v2", ""),
        private=torrent.private,
        sources=sealing.open_sources(ctx.keyring, sources),
        piece_length=torrent.piece_length or 0,
        piece_space_bytes=torrent.piece_space_bytes or 0,
        bucket=ctx.settings.s3_bucket,
        info=info,
        piece_layers=layers,
        metadata_timeout_seconds=metadata_timeout,
        stall_timeout_seconds=stall_timeout,
        entries=tuple(_view(ctx, e, parts.get(e.entry_id, [])) for e in entries),
        views=tuple((job_id, tuple(indexes)) for job_id, indexes in views),
    )


async def _timeouts(ctx: Context, tx: Tx, lease: LeaseRef) -> tuple[float, float]:
    """Of the most generous plan among those who wait, within what the settings allow."""
    metadata, stall = await usage.timeouts(tx, lease.transfer_id) or (METADATA_TIMEOUT_SECONDS, STALL_TIMEOUT_SECONDS)
    longest = ctx.settings
    return (
        min(metadata, longest.metadata_timeout_seconds or metadata),
        min(stall, longest.stall_timeout_seconds or stall),
    )


def _view(ctx: Context, entry: WantedEntry, held: list[tuple[int, int]]) -> EntryView:
    return EntryView(
        file_index=entry.file_index,
        piece_offset=entry.piece_offset,
        size_bytes=entry.size_bytes,
        wanted=entry.wanted and not entry.stored,
        stored=entry.stored,
        part_size_bytes=entry.part_size_bytes or part_size(entry.size_bytes, ctx.settings.part_size_bytes),
        held=tuple(held),
    )


async def _reconcile(ctx: Context, caller: AgentCaller, lease: LeaseRef) -> None:
    """A predecessor may have put parts that it could not confirm, or S3 may have forgotten an upload."""
    async with transaction(ctx.pool) as tx:
        held = await share(tx, caller, lease)
        stale = await objects.unreconciled(tx, held.torrent_id, lease.epoch)
    limit = asyncio.Semaphore(LISTS_AT_ONCE)

    async def one(live: LiveObject) -> None:
        async with limit:
            await _reconcile_one(ctx, caller, lease, live)

    await asyncio.gather(*(one(live) for live in stale))


async def _reconcile_one(ctx: Context, caller: AgentCaller, lease: LeaseRef, live: LiveObject) -> None:
    if live.upload_id is None or live.s3_upload_id is None:
        return
    try:
        listed = await ctx.storage.list_parts(live.object_key, live.s3_upload_id)
    except UploadGone:
        listed = None
    except (StorageUnavailable, StorageRefused) as exc:
        raise unavailable("storage_unavailable", "The object storage does not answer as it should.") from exc
    async with transaction(ctx.pool) as tx:
        await share(tx, caller, lease)
        await objects.lock_entries(tx, [live.entry_id])
        if listed is None:
            await objects.reset_upload(tx, live.upload_id, old="open")
            return
        rows = [(part.number, part.etag, part.size_bytes) for part in listed]
        await objects.reconcile(tx, live.upload_id, lease.epoch, live.s3_upload_id, rows)
