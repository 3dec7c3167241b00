"""Look into stored files whose names do not say what they are, so that they are served as what they are."""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.file_signatures import LOOKED_AT_BYTES, signature_type
from tseeder_jobs.domain.media_types import UNKNOWN, listed_type, media_type
from tseeder_jobs.domain.storage import StorageRefused, StorageUnavailable
from tseeder_jobs.store import sniffing
from tseeder_jobs.usecases.context import Context
from tseeder_kit.logging import get_logger
from tseeder_pg import Record, connection, transaction

BATCH: Final = 500
READS_AT_ONCE: Final = 8
_log = get_logger(__name__)


async def sniff_types(ctx: Context) -> int:
    """The sweep. Answers how many files turned out to be something."""
    found = 0
    while True:
        async with connection(ctx.pool) as tx:
            batch = await sniffing.to_sniff(tx, BATCH)
        try:
            types = await _types(ctx, [row for row in batch if media_type(row["path"]) == UNKNOWN])
        except (StorageUnavailable, StorageRefused) as exc:
            _log.info("sniff_later", cause=type(exc).__name__)
            return found
        if batch:
            async with transaction(ctx.pool) as tx:
                await sniffing.sniffed(tx, [row["object_id"] for row in batch], types)
        found += len(types)
        if len(batch) < BATCH:
            return found


async def _types(ctx: Context, rows: list[Record]) -> dict[UUID, str]:
    """By entry. What is on no list is left out, as is what S3 does not have: another sweep finds that."""
    slots = asyncio.Semaphore(READS_AT_ONCE)

    async def one(row: Record) -> tuple[UUID, str]:
        async with slots:
            start = await ctx.storage.read_start(row["object_key"], LOOKED_AT_BYTES)
        return row["entry_id"], listed_type(await asyncio.to_thread(signature_type, start or b""))

    return {entry: kind for entry, kind in await asyncio.gather(*(one(row) for row in rows)) if kind != UNKNOWN}
