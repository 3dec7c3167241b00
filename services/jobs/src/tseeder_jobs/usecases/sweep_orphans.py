"""Objects that no row owns: a write that came after its key was given up, or what no call of ours explains."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from tseeder_jobs.store import objects
from tseeder_jobs.usecases.context import Context
from tseeder_kit.clock import now
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import transaction

PAGES: Final = 20
"""Listings of one round, of 1,000 keys each; the next round goes on from there."""
_OUR_KEY: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38}")  # as tseeder_kit.ids.object_key makes them

_found = counter(
    "jobs_orphans",
    "Objects in the bucket that no row owned: `late`, written after their key was given up; `unknown` to the database",
    ("kind",),
)
_log = get_logger(__name__)


async def delete_orphans(ctx: Context) -> int:
    """Look through some of the bucket; answers how many objects were deleted.

    What the database knows as given up is deleted again. What it never heard of is deleted only by
    DELETE_UNKNOWN_OBJECTS, else counted and told: it may be another installation's.
    """
    deleted = 0
    for _ in range(PAGES):
        page = await ctx.storage.list_objects(ctx.orphan_place[0])
        ctx.orphan_place[0] = page[-1].key if page else ""
        if not page:
            break
        oldest = now() - timedelta(seconds=ctx.settings.orphan_seconds)
        keys = [each.key for each in page if each.modified_at < oldest and _OUR_KEY.fullmatch(each.key)]
        deleted += await _delete(ctx, keys)
    return deleted


async def _delete(ctx: Context, keys: list[str]) -> int:
    async with transaction(ctx.pool, readonly=True) as tx:
        late, unknown = await objects.orphans(tx, keys)
    for kind, found in (("late", late), ("unknown", unknown)):
        _found.labels(kind).inc(len(found))
    if unknown:
        _log.warning("objects_unknown", count=len(unknown), deleted=ctx.settings.delete_unknown_objects)
    doomed = [*late, *(unknown if ctx.settings.delete_unknown_objects else ())]
    return len(await ctx.storage.delete_many(doomed)) if doomed else 0
