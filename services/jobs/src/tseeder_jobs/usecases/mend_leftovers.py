"""What is done about leftovers that were found: by the sweeps, within their settings, and by an operator's call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Final

from tseeder_jobs.domain.leftovers import KnownObject, Report, Stray
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.give_up_lost import give_up_lost
from tseeder_jobs.usecases.look_through_bucket import Seen

ABORTS_AT_ONCE: Final = 16


async def delete_orphans(ctx: Context, seen: Seen, report: Report, *, delete: bool, unknown: bool) -> None:
    """Noted, and deleted with `delete`; those that the database never heard of only with `unknown`, too."""
    for each in (*seen.late, *seen.unknown):
        report.note(each.key, each.size_bytes)
    doomed = [each.key for each in (*seen.late, *(seen.unknown if unknown else ()))]
    if delete and doomed:
        report.mended += len(await ctx.storage.delete_many(doomed))


async def give_up(
    ctx: Context, lost: Sequence[KnownObject], report: Report, *, apply: bool, until: float | None = None
) -> bool:
    """Noted, and given up with `apply`; False if the time `until` (monotonic) came before all were."""
    for each in lost:
        if apply and until is not None and monotonic() >= until:
            return False
        report.note(each.key, each.size_bytes)
        if apply:
            report.mended += await give_up_lost(ctx, each.object_id)
    return True


async def abort_strays(ctx: Context, strays: Sequence[Stray], report: Report, *, apply: bool) -> None:
    """Noted, and aborted with `apply`."""
    slots = asyncio.Semaphore(ABORTS_AT_ONCE)

    async def abort(stray: Stray) -> None:
        async with slots:
            await ctx.storage.abort_upload(stray.key, stray.s3_upload_id)
        report.mended += 1

    for each in strays:
        report.note(each.key, each.size_bytes)
    if apply:
        await asyncio.gather(*(abort(each) for each in strays))
