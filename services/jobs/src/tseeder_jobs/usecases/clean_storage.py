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
from tseeder_jobs.usecases.sweep_strays import look_through_uploads
from tseeder_kit.clock import now

SECONDS: Final = 4.0
"""After which no further page is begun: well within what a call may take."""
_UPLOADS: Final = "uploads"
"""No key of ours: the objects were all looked through."""


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
    place = str(listed.position(cursor) or "")
    if place == _UPLOADS:
        return Cleanup([await _uploads(ctx, apply=apply, unknown=unknown)], "")
    walk = Walk.begun(now())
    walk.place = place
    await _objects(ctx, walk, apply=apply, unknown=unknown)
    return Cleanup(list(walk.reports), listed.cursor(walk.place or _UPLOADS))


async def _objects(ctx: Context, walk: Walk, *, apply: bool, unknown: bool) -> None:
    until = monotonic() + SECONDS
    while True:
        seen = await look_through_bucket(ctx, walk.place)
        for report in walk.reports:
            report.looked_at += seen.looked_at
        await delete_orphans(ctx, seen, walk.orphans, delete=apply, unknown=unknown)
        await give_up(ctx, seen.lost, walk.lost, apply=apply)
        walk.place = seen.last
        if not seen.last or monotonic() >= until:
            break
    for report in walk.reports:
        report.ended_at = now()


async def _uploads(ctx: Context, *, apply: bool, unknown: bool) -> Report:
    report = Report(Leftover.STRAY_UPLOADS, now())
    found = await look_through_uploads(ctx)
    report.looked_at = found.looked_at
    await abort_strays(ctx, found.known, report, apply=apply)
    await abort_strays(ctx, found.unknown, report, apply=apply and unknown)
    report.ended_at = now()
    return report
