"""Turn uploads whose parts are all confirmed into objects: intent in a transaction, S3 outside of any, outcome in a
transaction. Whoever dies in between, the sweep carries an intent through; it is never aborted or reset."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, CompletedFile, CompleteVerdict, LeaseRef
from tseeder_jobs.domain.crc import combine
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.storage import PartsRejected, StorageRefused, StorageUnavailable, UploadGone
from tseeder_jobs.store import objects, torrents, transfers
from tseeder_jobs.store.objects import LiveObject, PartRow
from tseeder_jobs.store.transfers import WantedEntry
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.held_lease import share
from tseeder_jobs.usecases.settle import settle
from tseeder_kit.errors import invalid
from tseeder_kit.logging import get_logger
from tseeder_kit.tracing import Attributes, Sparse, span
from tseeder_pg import Tx, retrying, transaction
from tseeder_rpc import detached

MOST_FILES = 1000
COMPLETIONS_AT_ONCE = 16
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is written as intended, and S3 must be asked about."""

    live: LiveObject
    parts: tuple[PartRow, ...]  # empty: one PUT of the whole


@dataclass(frozen=True, slots=True)
class _Seen:
    """What S3 holds: the object's etag, or None when it is not there (any more)."""

    etag: str | None


async def complete_files(
    ctx: Context, caller: AgentCaller, lease: LeaseRef, file_indexes: Sequence[int]
) -> list[CompletedFile]:
    """One outcome for each index, in their order. A repeat answers the same."""
    if len(file_indexes) > MOST_FILES:
        raise invalid("too_many_files", f"At most {MOST_FILES} files are completed at once.")

    async def intend() -> tuple[UUID, dict[int, CompletedFile], dict[int, Intent]]:
        async with transaction(ctx.pool) as tx:
            return await _intend(tx, caller, lease, file_indexes)

    with span("write intents", attributes={"tseeder.files": len(file_indexes)}):
        torrent_id, outcomes, intents = await retrying(intend)
    limit = asyncio.Semaphore(COMPLETIONS_AT_ONCE)
    spans = Sparse()

    async def one(index: int, intent: Intent) -> None:
        async with limit:
            with spans.span("complete file", attributes=_facts(intent)) as completing:
                outcomes[index] = await carry_through(ctx, torrent_id, index, intent)
                completing.set({"tseeder.verdict": outcomes[index].verdict.value})

    await asyncio.gather(*(one(index, intent) for index, intent in intents.items()))
    if any(outcome.verdict is CompleteVerdict.STORED for outcome in outcomes.values()):
        with span("settle"):
            await settle(ctx, torrent_id)
    return [outcomes[index] for index in file_indexes]


def _facts(intent: Intent) -> Attributes:
    return {"tseeder.file.size_bytes": intent.live.size_bytes, "tseeder.file.parts": len(intent.parts)}


async def _intend(
    tx: Tx, caller: AgentCaller, lease: LeaseRef, file_indexes: Sequence[int]
) -> tuple[UUID, dict[int, CompletedFile], dict[int, Intent]]:
    held = await share(tx, caller, lease)
    entries = {e.file_index: e for e in await transfers.wanted_entries(tx, lease.transfer_id, list(file_indexes))}
    entry_ids = sorted(e.entry_id for e in entries.values())
    await objects.lock_entries(tx, entry_ids)
    live = await objects.lock_live(tx, entry_ids)
    outcomes: dict[int, CompletedFile] = {}
    intents: dict[int, Intent] = {}
    for index in dict.fromkeys(file_indexes):
        entry = entries.get(index)
        if entry is None:
            raise invalid("unknown_file_index", f"The torrent has no file {index}.")
        judged = await _judge(tx, lease, entry, live.get(entry.entry_id))
        if isinstance(judged, Intent):
            intents[index] = judged
        else:
            outcomes[index] = judged
    return held.torrent_id, outcomes, intents


async def _judge(tx: Tx, lease: LeaseRef, entry: WantedEntry, live: LiveObject | None) -> Intent | CompletedFile:
    index = entry.file_index
    # The entry was read before its lock was had: another call may have written the outcome since.
    if entry.stored or (live is not None and live.state == "stored"):
        return CompletedFile(index, CompleteVerdict.STORED)
    if live is None:
        return CompletedFile(index, CompleteVerdict.RESET if entry.wanted else CompleteVerdict.UNWANTED)
    if live.upload_id is None:
        if live.epoch != lease.epoch or not live.confirmed:
            return CompletedFile(index, CompleteVerdict.MISSING, (0,))
        return Intent(live, ())
    parts = await objects.read_parts(tx, live.upload_id)
    if live.upload_state == "completing":
        return Intent(live, tuple(parts))
    confirmed = {part.number for part in parts if part.etag is not None}
    missing = tuple(n for n in range(1, (live.part_count or 0) + 1) if n not in confirmed)
    if missing or live.upload_state != "open":
        return CompletedFile(index, CompleteVerdict.MISSING, missing)
    if not await objects.intend_complete(tx, live.upload_id):
        return CompletedFile(index, CompleteVerdict.RESET)
    return Intent(live, tuple(parts))


async def carry_through(ctx: Context, torrent_id: UUID, index: int, intent: Intent) -> CompletedFile:
    """Effect and outcome of a written intent; safe to repeat. Of several at once one asks S3, and all get its answer:
    who asks beside a completion that is under way may hear that there is neither upload nor object."""
    object_id = intent.live.object_id
    task = ctx.completing.get(object_id)
    if task is None:
        with detached():  # it outlives a caller that hangs up
            task = asyncio.create_task(_carry_through(ctx, torrent_id, index, intent))
        ctx.completing[object_id] = task
        task.add_done_callback(partial(_completed, ctx, object_id))
    return replace(await asyncio.shield(task), file_index=index)


def _completed(ctx: Context, object_id: UUID, task: asyncio.Task[CompletedFile]) -> None:
    ctx.completing.pop(object_id)
    if not task.cancelled() and (failed := task.exception()) is not None:
        _log.info("completion_not_written", cause=type(failed).__name__)  # whoever waits is told, the sweep goes on


async def _carry_through(ctx: Context, torrent_id: UUID, index: int, intent: Intent) -> CompletedFile:
    try:
        seen = await _effect(ctx, intent)
    except (StorageUnavailable, StorageRefused) as exc:
        _log.warning("completion_later", cause=type(exc).__name__)
        later = Reason("storage_unavailable", "The object storage did not complete the file; it is tried again.")
        return CompletedFile(index, CompleteVerdict.LATER, reason=later)

    async def write() -> CompleteVerdict:
        async with transaction(ctx.pool) as tx:
            return await _outcome(tx, torrent_id, intent, seen)

    with span("write outcome"):
        verdict = await retrying(write)
    missing = (0,) if verdict is CompleteVerdict.MISSING else ()
    return CompletedFile(index, verdict, missing)


async def _effect(ctx: Context, intent: Intent) -> _Seen:
    """Complete at S3, then look. An upload that S3 does not know may have been completed by an earlier try whose
    answer was lost: the object itself tells."""
    live = intent.live
    found = None
    if intent.parts and live.s3_upload_id:
        etags = [(part.number, part.etag or "") for part in intent.parts]
        crc32s = {part.number: part.crc32 for part in intent.parts} if live.with_crc32 else None
        try:
            found = await ctx.storage.complete_upload(live.object_key, live.s3_upload_id, etags, crc32s=crc32s)
        except UploadGone:
            _log.info("upload_gone_at_complete")
        except StorageUnavailable:
            # Perhaps only the answer was lost. No key is used twice, so an object that is there is this one.
            found = await ctx.storage.head(live.object_key)
            if found is None:
                raise
        except PartsRejected:
            # S3 holds other parts than were confirmed: they all go up again, into a new upload.
            _log.warning("parts_rejected_at_complete")
            return _Seen(None)
    found = found or await ctx.storage.head(live.object_key)
    if found is None or found.size_bytes != live.size_bytes:
        return _Seen(None)
    return _Seen(found.etag)


async def _outcome(tx: Tx, torrent_id: UUID, intent: Intent, seen: _Seen) -> CompleteVerdict:
    """The torrent's row is shared, so that a submit either sees the object or is seen by `settle`."""
    live = intent.live
    if await torrents.share(tx, torrent_id) is None:
        return CompleteVerdict.UNWANTED
    await objects.lock_entries(tx, [live.entry_id])
    if seen.etag is None:
        return await _lost(tx, intent)
    crc32 = combine([(part.crc32, part.size_bytes) for part in intent.parts]) if intent.parts else live.crc32
    if await objects.stored(tx, live, seen.etag, crc32):
        if crc32 is not None:
            await torrents.set_crc32(tx, live.entry_id, crc32)
        await objects.collect(tx, [live.entry_id])
    now = (await objects.lock_live(tx, [live.entry_id])).get(live.entry_id)
    return CompleteVerdict.STORED if now is not None and now.state == "stored" else CompleteVerdict.UNWANTED


async def _lost(tx: Tx, intent: Intent) -> CompleteVerdict:
    """S3 has neither the upload nor the object, or one of another size: begin anew."""
    live = intent.live
    if live.upload_id is not None:
        await objects.reset_upload(tx, live.upload_id, old="completing")
        return CompleteVerdict.RESET
    await objects.mark_deleting(tx, [live.object_id], timedelta(0))
    return CompleteVerdict.MISSING
