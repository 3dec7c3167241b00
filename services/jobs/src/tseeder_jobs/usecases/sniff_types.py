"""Look into stored files whose names do not say what they are, so that they are served as what they are."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.file_signatures import LOOKED_AT_BYTES, signature_type
from tseeder_jobs.domain.media_types import UNKNOWN, listed_type, media_type
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable
from tseeder_jobs.store import objects, sniffing
from tseeder_jobs.usecases.context import Context
from tseeder_kit.logging import get_logger
from tseeder_pg import Record, connection, retrying, transaction

BATCH: Final = 500
READS_AT_ONCE: Final = 8
_log = get_logger(__name__)


async def sniff_types(ctx: Context) -> int:
    """The sweep. Answers how many files turned out to be something."""
    found = 0
    while True:
        async with connection(ctx.pool) as tx:
            batch = await sniffing.to_sniff(tx, BATCH)
        looked = await _look(ctx, batch)
        types = {entry: kind for entry, kind in looked.items() if kind != UNKNOWN}
        done = [row["object_id"] for row in batch if row["entry_id"] in looked]
        if done:
            await retrying(partial(_record, ctx, done, types))
        found += len(types)
        if len(done) < BATCH:
            return found


async def _record(ctx: Context, object_ids: list[UUID], types: dict[UUID, str]) -> None:
    async with transaction(ctx.pool) as tx:
        await objects.lock_entries(tx, sorted(types))
        await sniffing.sniffed(tx, object_ids, types)


async def _look(ctx: Context, rows: list[Record]) -> dict[UUID, str]:
    """By entry; without those that S3 does not give now. What it refuses to give, or does not have, is unknown."""
    slots = asyncio.Semaphore(READS_AT_ONCE)
    found = {row["entry_id"]: UNKNOWN for row in rows if media_type(row["path"]) != UNKNOWN}

    async def one(row: Record) -> None:
        start: bytes | None = None
        async with slots:
            try:
                start = await ctx.storage.read(row["object_key"], LOOKED_AT_BYTES)
            except StorageUnavailable:
                return
            except StorageRefused as exc:
                _log.warning("sniff_refused", cause=str(exc.details.get("cause", "")))
        found[row["entry_id"]] = listed_type(await asyncio.to_thread(signature_type, start or b""))

    async with asyncio.TaskGroup() as group:
        for row in rows:
            if row["entry_id"] not in found:
                group.create_task(one(row))
    return found
