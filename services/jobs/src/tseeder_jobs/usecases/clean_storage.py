"""An operator looks for leftovers now, and has them dealt with: a piece of the bucket a call, its uploads last."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Final

from tseeder_jobs.domain.leftovers import Leftover, Report, Walk
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.look_through_bucket import look_through_bucket
from tseeder_jobs.usecases.mend_leftovers import abort_strays, delete_orphans, give_up
from tseeder_jobs.usecases.paging import List
from tseeder_jobs.usecases.sweep_strays import MOST, look_through_uploads
from tseeder_kit.clock import now

SECONDS: Final = 4.0
"""After which nothing more is begun: well within what a call may take."""
_UPLOADS: Final = "uploads"
_OBJECTS: Final = "objects:"


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What this call looked through, and where the next one goes on ("": nothing is left)."""

    reports: list[Report]
    next_cursor: str


async def clean_storage(ctx: Context, cursor: str, *, apply: bool, unknown: bool) -> Cleanup:
    """Without `apply` nothing is changed, and `found` is what would be dealt with. `unknown`: also what lies under keys
    like ours that the database never heard of; without, it is found and left.

    What is lost is given up however much it is: whoever calls has seen how much. Errors: INVALID `bad_cursor`;
    UNAVAILABLE `storage_unavailable`, `storage_refused`.
    """
    listed = List(ctx.keyring, "jobs.storage", ())
    place = str(listed.position(cursor) or _OBJECTS)
    if place == _UPLOADS:
        report, more = await _uploads(ctx, apply=apply, unknown=unknown)
        return Cleanup([report], listed.cursor(_UPLOADS) if more else "")
    walk = Walk.begun(now())
    walk.place = place.removeprefix(_OBJECTS)
    ended = await _objects(ctx, walk, apply=apply, unknown=unknown)
    return Cleanup(list(walk.reports), listed.cursor(_UPLOADS if ended else _OBJECTS + walk.place))


async def _objects(ctx: Context, walk: Walk, *, apply: bool, unknown: bool) -> bool:
    """Whether the end of the bucket was reached. A page in whose middle the time is over is begun again."""
    began, ended, in_time = monotonic(), False, True
    while in_time and not ended:
        seen = await look_through_bucket(ctx, walk.place)
        for report in walk.reports:
            report.looked_at += seen.looked_at
        await delete_orphans(ctx, seen, walk.orphans, delete=apply, unknown=unknown)
        # The look may have taken all of the time; then as much again is for what it found, or no call got any further.
        until = max(began + SECONDS, monotonic() + SECONDS / 2)
        if not await give_up(ctx, seen.lost, walk.lost, apply=apply, until=until):
            break
        walk.place, ended = seen.last, not seen.last
        in_time = monotonic() < began + SECONDS
    for report in walk.reports:
        report.ended_at = now()
    return ended


async def _uploads(ctx: Context, *, apply: bool, unknown: bool) -> tuple[Report, bool]:
    """And whether there may be more than one look tells of, so that it pays to look again."""
    report = Report(Leftover.STRAY_UPLOADS, now())
    found = await look_through_uploads(ctx)
    report.looked_at = found.looked_at
    await abort_strays(ctx, found.known, report, apply=apply)
    await abort_strays(ctx, found.unknown, report, apply=apply and unknown)
    report.ended_at = now()
    return report, apply and MOST in (len(found.known), len(found.unknown) if unknown else 0)
