"""Uploads that S3 has and that no row owns: an open was repeated since its answer was lost, whoever lost the race to
open died before he aborted his own, or a database was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tseeder_jobs.adapters.s3 import OpenUpload
from tseeder_jobs.domain.leftovers import Leftover, Report, Stray
from tseeder_jobs.domain.storage import UploadGone
from tseeder_jobs.store import leftovers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.look_through_bucket import OUR_KEY
from tseeder_jobs.usecases.mend_leftovers import abort_strays
from tseeder_kit.clock import now
from tseeder_pg import connection, transaction

BATCH: Final = 500
MOST: Final = 500
"""Strays that one look tells of; those that it leaves it meets again when these are aborted."""
LOOKS_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Strays:
    """Found among the open uploads: those under keys of ours, and those that the database never heard of."""

    looked_at: int
    known: list[Stray]
    unknown: list[Stray]


async def sweep_strays(ctx: Context) -> int:
    """Answers how many were aborted: those under keys of ours, and, where DELETE_UNKNOWN_OBJECTS, those under keys like
    ours that no row has."""
    report = Report(Leftover.STRAY_UPLOADS, now())
    found = await look_through_uploads(ctx)
    report.looked_at = found.looked_at
    await abort_strays(ctx, found.known, report, apply=True)
    await abort_strays(ctx, found.unknown, report, apply=ctx.settings.delete_unknown_objects)
    report.ended_at = now()
    async with transaction(ctx.pool) as tx:
        await leftovers.write_report(tx, report)
    return report.mended


async def look_through_uploads(ctx: Context) -> Strays:
    """Among all open uploads that S3 lists; MOST of each kind are told. Those that no row explains count from
    ORPHAN_SECONDS on."""
    listed: list[OpenUpload] = [upload async for upload in ctx.storage.list_uploads()]
    oldest = now() - timedelta(seconds=ctx.settings.orphan_seconds)
    young = {upload.upload_id for upload in listed if upload.initiated_at >= oldest}
    known: list[tuple[str, str]] = []
    unknown: list[tuple[str, str]] = []
    for at in range(0, len(listed), BATCH):
        async with connection(ctx.pool) as tx:
            found = await leftovers.strays(tx, [(each.key, each.upload_id) for each in listed[at : at + BATCH]])
        for key, s3_upload_id, is_unknown in found:
            if not is_unknown:
                known.append((key, s3_upload_id))
            elif OUR_KEY.fullmatch(key) and s3_upload_id not in young:
                unknown.append((key, s3_upload_id))
    return Strays(len(listed), await _measured(ctx, known[:MOST]), await _measured(ctx, unknown[:MOST]))


async def _measured(ctx: Context, uploads: Sequence[tuple[str, str]]) -> list[Stray]:
    slots = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def measure(key: str, s3_upload_id: str) -> Stray:
        async with slots:
            try:
                parts = await ctx.storage.list_parts(key, s3_upload_id)
            except UploadGone:
                parts = []
        return Stray(key, s3_upload_id, sum(part.size_bytes for part in parts))

    return await asyncio.gather(*(measure(*upload) for upload in uploads))
