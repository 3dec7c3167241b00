"""Before bytes go up: keys are issued, uploads opened, sizes and CRC32 recorded, so that a part found later by
ListParts has its checksum whoever died when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef, WriteIntent, WritePlan, WriteVerdict
from tseeder_jobs.domain.parts import expected_size, part_count, part_size
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable
from tseeder_jobs.store import objects, transfers
from tseeder_jobs.store.objects import LiveObject
from tseeder_jobs.store.transfers import WantedEntry
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.held_lease import share
from tseeder_kit.errors import invalid, unavailable
from tseeder_kit.ids import object_key, uuid7
from tseeder_pg import Tx, retrying, transaction

MOST_WRITES = 1000
OPENS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Opening:
    upload_id: UUID
    key: str
    fresh: bool  # made by this call: S3 cannot know it yet
    with_crc32: bool


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A draft that is no plan yet waits for its upload to be open at S3. `with_crc32`: keys of uploads whose parts
    go up with it."""

    drafts: list[WritePlan | tuple[WriteIntent, UUID, str]]
    openings: dict[UUID, _Opening]
    with_crc32: frozenset[str]


async def plan_writes(
    ctx: Context, caller: AgentCaller, lease: LeaseRef, intents: Sequence[WriteIntent]
) -> list[WritePlan]:
    """One plan for each intent, in their order."""
    if len(intents) > MOST_WRITES:
        raise invalid("too_many_writes", f"At most {MOST_WRITES} writes are planned at once.")

    async def record() -> _Recorded:
        async with transaction(ctx.pool) as tx:
            return await _record(ctx, tx, caller, lease, intents)

    recorded = await retrying(record)
    opened = await _open_all(ctx, recorded.openings)
    plans = [
        _checked(
            ctx,
            draft
            if isinstance(draft, WritePlan)
            else WritePlan(draft[0].file_index, draft[0].part_number, WriteVerdict.GO, draft[2], opened[draft[1]]),
            recorded.with_crc32,
        )
        for draft in recorded.drafts
    ]
    if ctx.settings.agent_writes == "key":
        return plans
    return [await _presigned(ctx, plan, intent) for plan, intent in zip(plans, intents, strict=True)]


def _checked(ctx: Context, plan: WritePlan, with_crc32: Set[str]) -> WritePlan:
    """Whether its CRC32 goes along: a part's as its upload was opened, a whole file's as the setting says now."""
    if plan.verdict is not WriteVerdict.GO:
        return plan
    checked = plan.object_key in with_crc32 if plan.part_number else ctx.settings.s3_part_checksums
    return replace(plan, with_crc32=checked)


async def _presigned(ctx: Context, plan: WritePlan, intent: WriteIntent) -> WritePlan:
    """With a URL that is good for this very write: its key, its part, its size. Nothing is asked of S3 for it."""
    if plan.verdict is not WriteVerdict.GO:
        return plan
    await asyncio.sleep(0)  # signing is work for the CPU, and a call may ask for 1,000
    crc32 = intent.crc32 if plan.with_crc32 else None
    size, seconds = intent.size_bytes, ctx.settings.presign_write_seconds
    if plan.part_number:
        url = await ctx.storage.presign_part(
            plan.object_key, plan.s3_upload_id, plan.part_number, size_bytes=size, crc32=crc32, seconds=seconds
        )
    else:
        url = await ctx.storage.presign_put(plan.object_key, size_bytes=size, crc32=crc32, seconds=seconds)
    return replace(plan, presigned_url=url)


async def _record(
    ctx: Context, tx: Tx, caller: AgentCaller, lease: LeaseRef, intents: Sequence[WriteIntent]
) -> _Recorded:
    """All rows in one transaction."""
    await share(tx, caller, lease)
    indexes = sorted({intent.file_index for intent in intents})
    entries = {e.file_index: e for e in await transfers.wanted_entries(tx, lease.transfer_id, indexes)}
    entry_ids = sorted(e.entry_id for e in entries.values())
    await objects.lock_entries(tx, entry_ids)
    live = await objects.lock_live(tx, entry_ids)
    drafts: list[WritePlan | tuple[WriteIntent, UUID, str]] = []
    openings: dict[UUID, _Opening] = {}
    parts: dict[tuple[UUID, int], WriteIntent] = {}
    for intent in intents:
        entry = entries.get(intent.file_index)
        if entry is None:
            raise invalid("unknown_file_index", f"The torrent has no file {intent.file_index}.")
        settled = _settled(entry, live.get(entry.entry_id), intent)
        if settled is not None:
            drafts.append(settled)
        elif intent.part_number == 0:
            drafts.append(await _plan_put(ctx, tx, lease, entry, live, intent))
        else:
            upload = await _upload_for(ctx, tx, lease, entry, live)
            _check_part(entry, upload, intent)
            if upload.upload_id is None:
                raise invalid("bad_part_number", "This file goes up whole.")
            if upload.upload_state == "opening":
                known = openings.get(upload.upload_id)
                fresh = upload.s3_upload_id == "" or (known is not None and known.fresh)
                openings[upload.upload_id] = _Opening(
                    upload.upload_id, upload.object_key, fresh=fresh, with_crc32=bool(upload.with_crc32)
                )
            parts[upload.upload_id, intent.part_number] = intent
            drafts.append((intent, upload.upload_id, upload.object_key))
    with_crc32 = frozenset(each.object_key for each in live.values() if each.with_crc32)
    return _Recorded(await _with_parts(tx, drafts, parts, live), openings, with_crc32)


def _settled(entry: WantedEntry, live: LiveObject | None, intent: WriteIntent) -> WritePlan | None:
    # The entry was read before its lock was had: what is stored since is in `live` only.
    if entry.stored or (live is not None and (live.state == "stored" or live.upload_state == "completing")):
        return WritePlan(intent.file_index, intent.part_number, WriteVerdict.STORED)
    if not entry.wanted:
        return WritePlan(intent.file_index, intent.part_number, WriteVerdict.UNWANTED)
    return None


async def _plan_put(
    ctx: Context,
    tx: Tx,
    lease: LeaseRef,
    entry: WantedEntry,
    live: dict[UUID, LiveObject],
    intent: WriteIntent,
) -> WritePlan:
    """One PUT of the whole file. A key serves one epoch: what an old agent may still be writing lands elsewhere."""
    if part_size(entry.size_bytes, ctx.settings.part_size_bytes) or intent.size_bytes != entry.size_bytes:
        raise invalid("bad_part_size", f"File {entry.file_index} does not go up whole, or not with that size.")
    current = live.get(entry.entry_id)
    if current is not None and current.epoch == lease.epoch and current.upload_id is None:
        if current.confirmed and current.crc32 == intent.crc32:
            return WritePlan(intent.file_index, 0, WriteVerdict.HELD, current.object_key)
        await objects.set_put(tx, current.object_id, intent.crc32)
        return WritePlan(intent.file_index, 0, WriteVerdict.GO, current.object_key)
    if current is not None:
        await objects.mark_deleting(tx, [current.object_id], timedelta(0))
    made = await _new_object(tx, lease, entry, intent.crc32)
    live[entry.entry_id] = made
    return WritePlan(intent.file_index, 0, WriteVerdict.GO, made.object_key)


async def _upload_for(
    ctx: Context, tx: Tx, lease: LeaseRef, entry: WantedEntry, live: dict[UUID, LiveObject]
) -> LiveObject:
    """The entry's live upload, or a new one whose S3 id is not known yet (`s3_upload_id` "" marks it fresh)."""
    current = live.get(entry.entry_id)
    if current is not None and current.upload_id is not None:
        return current
    if current is not None:
        await objects.mark_deleting(tx, [current.object_id], timedelta(0))
    size = part_size(entry.size_bytes, ctx.settings.part_size_bytes)
    if not size:
        raise invalid("bad_part_number", f"File {entry.file_index} goes up whole.")
    made = await _new_object(tx, lease, entry, None)
    upload_id = uuid7()
    count = part_count(entry.size_bytes, size)
    await objects.insert_upload(
        tx,
        upload_id,
        entry.entry_id,
        made.object_id,
        part_size_bytes=size,
        part_count=count,
        epoch=lease.epoch,
        with_crc32=ctx.settings.s3_part_checksums,
    )
    live[entry.entry_id] = LiveObject(
        entry_id=entry.entry_id,
        object_id=made.object_id,
        object_key=made.object_key,
        size_bytes=entry.size_bytes,
        state="writing",
        epoch=lease.epoch,
        crc32=None,
        confirmed=False,
        etag=None,
        upload_id=upload_id,
        s3_upload_id="",
        part_size_bytes=size,
        part_count=count,
        upload_state="opening",
        reconciled_epoch=lease.epoch,
        with_crc32=ctx.settings.s3_part_checksums,
    )
    return live[entry.entry_id]


async def _new_object(tx: Tx, lease: LeaseRef, entry: WantedEntry, crc32: int | None) -> LiveObject:
    object_id, key = uuid7(), object_key()
    await objects.insert_object(
        tx,
        object_id,
        entry.entry_id,
        key,
        entry.size_bytes,
        epoch=lease.epoch,
        transfer_id=lease.transfer_id,
        crc32=crc32,
    )
    return LiveObject(
        entry_id=entry.entry_id,
        object_id=object_id,
        object_key=key,
        size_bytes=entry.size_bytes,
        state="writing",
        epoch=lease.epoch,
        crc32=crc32,
        confirmed=False,
        etag=None,
        upload_id=None,
        s3_upload_id=None,
        part_size_bytes=None,
        part_count=None,
        upload_state=None,
        reconciled_epoch=None,
        with_crc32=None,
    )


def _check_part(entry: WantedEntry, upload: LiveObject, intent: WriteIntent) -> None:
    right = expected_size(entry.size_bytes, upload.part_size_bytes or 0, intent.part_number)
    if not right or right != intent.size_bytes:
        raise invalid(
            "bad_part_size",
            f"Part {intent.part_number} of file {entry.file_index} does not have that size.",
            expected_bytes=right,
        )


async def _with_parts(
    tx: Tx,
    drafts: list[WritePlan | tuple[WriteIntent, UUID, str]],
    parts: Mapping[tuple[UUID, int], WriteIntent],
    live: Mapping[UUID, LiveObject],
) -> list[WritePlan | tuple[WriteIntent, UUID, str]]:
    """Record the parts; those that S3 holds already become plans that say so, those of open uploads real plans."""
    if not parts:
        return drafts
    rows = [(upload, number, i.size_bytes, i.crc32) for (upload, number), i in sorted(parts.items(), key=_by_part)]
    held = await objects.plan_parts(tx, rows)
    by_upload = {o.upload_id: o for o in live.values() if o.upload_id is not None}
    planned: list[WritePlan | tuple[WriteIntent, UUID, str]] = []
    for draft in drafts:
        if isinstance(draft, WritePlan):
            planned.append(draft)
            continue
        intent, upload_id, key = draft
        upload = by_upload[upload_id]
        if (upload_id, intent.part_number) in held:
            planned.append(WritePlan(intent.file_index, intent.part_number, WriteVerdict.HELD, key))
        elif upload.upload_state == "open" and upload.s3_upload_id:
            planned.append(WritePlan(intent.file_index, intent.part_number, WriteVerdict.GO, key, upload.s3_upload_id))
        else:
            planned.append(draft)
    return planned


def _by_part(item: tuple[tuple[UUID, int], WriteIntent]) -> tuple[UUID, int]:
    return item[0]


async def _open_all(ctx: Context, openings: Mapping[UUID, _Opening]) -> dict[UUID, str]:
    limit = asyncio.Semaphore(OPENS_AT_ONCE)

    async def one(opening: _Opening) -> tuple[UUID, str]:
        async with limit:
            return opening.upload_id, await _open(ctx, opening)

    return dict(await asyncio.gather(*(one(opening) for opening in openings.values())))


async def _open(ctx: Context, opening: _Opening) -> str:
    """Open it at S3 and write the id; adopt what an earlier call opened and could not write down."""
    try:
        known = [] if opening.fresh else [u.upload_id async for u in ctx.storage.list_uploads(opening.key)]
        s3_upload_id = (
            known[0] if known else await ctx.storage.create_upload(opening.key, with_crc32=opening.with_crc32)
        )
        async with transaction(ctx.pool) as tx:
            won = await objects.opened(tx, opening.upload_id, s3_upload_id)
        if won != s3_upload_id:
            await ctx.storage.abort_upload(opening.key, s3_upload_id)
    except (StorageUnavailable, StorageRefused) as exc:
        raise unavailable("storage_unavailable", "The object storage does not answer as it should.") from exc
    if won is None:
        raise unavailable("upload_closed", "This upload was given up meanwhile; plan again.")
    return won
