"""A slow walk through the bucket: what no row owns is deleted, and what a row owns and S3 lost is given up."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.domain.leftovers import Walk
from tseeder_jobs.store import leftovers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.give_up_lost import give_up_lost
from tseeder_jobs.usecases.look_through_bucket import Seen, look_through_bucket
from tseeder_jobs.usecases.mend_leftovers import delete_orphans
from tseeder_kit.clock import now
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import transaction

PAGES: Final = 20
"""Listings of one round, of 1,000 keys each; the next round goes on from there."""

_found = counter(
    "jobs_orphans",
    "Objects in the bucket that no row owned: `late`, written after their key was given up; `unknown` to the database",
    ("kind",),
)
_lost = counter("jobs_lost_objects", "Objects that a row says are stored, and that were not in the bucket")
_log = get_logger(__name__)


async def sweep_bucket(ctx: Context) -> int:
    """Look through some of it; answers how many leftovers were dealt with.

    What the database knows as given up is deleted again. What it never heard of is deleted only by
    DELETE_UNKNOWN_OBJECTS, else counted and told: it may be another installation's. What is lost is given up at the
    walk's end, and only if it is no more than LOST_OBJECTS_LIMIT: were much of it gone, the settings would more likely
    name another bucket.
    """
    walk = ctx.walk[0] or Walk.begun(now())
    before = sum(report.mended for report in walk.reports)
    for _ in range(PAGES):
        seen = await look_through_bucket(ctx, walk.place)
        await _mend(ctx, walk, seen)
        walk.place = seen.last
        if not seen.last:
            break
    ended = not walk.place
    if ended:
        await _give_up(ctx, walk)
    async with transaction(ctx.pool) as tx:
        for report in walk.reports:
            report.ended_at = now() if ended else None
            await leftovers.write_report(tx, report)
    ctx.walk[0] = None if ended else walk
    return sum(report.mended for report in walk.reports) - before


async def _mend(ctx: Context, walk: Walk, seen: Seen) -> None:
    for report in walk.reports:
        report.looked_at += seen.looked_at
    delete_unknown = ctx.settings.delete_unknown_objects
    for kind, found in (("late", seen.late), ("unknown", seen.unknown)):
        _found.labels(kind).inc(len(found))
    if seen.unknown:
        _log.warning("objects_unknown", count=len(seen.unknown), deleted=delete_unknown)
    await delete_orphans(ctx, seen, walk.orphans, delete=True, unknown=delete_unknown)
    _lost.inc(len(seen.lost))
    for each in seen.lost:
        walk.lost.note(each.key, each.size_bytes)
    walk.missing += seen.lost[: ctx.settings.lost_objects_limit + 1 - len(walk.missing)]


async def _give_up(ctx: Context, walk: Walk) -> None:
    limit = ctx.settings.lost_objects_limit
    if walk.lost.found > limit:
        _log.error("objects_lost", count=walk.lost.found, given_up=0, limit=limit)
        return
    for each in walk.missing:
        walk.lost.mended += await give_up_lost(ctx, each.object_id)
