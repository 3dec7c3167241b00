"""What was left lying, by a crash or a lost ring, is looked for and carried through, each kind by a loop of its own:
one that fails, or waits for object storage, holds up no other."""

from __future__ import annotations

import time
from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from tseeder_jobs.usecases.absorb_magnets import absorb_magnets
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.end_stranded import end_stranded
from tseeder_jobs.usecases.erase_user import erase_users
from tseeder_jobs.usecases.expire_files import expire_files
from tseeder_jobs.usecases.fail_too_large import fail_too_large
from tseeder_jobs.usecases.find_primaries import find_primaries
from tseeder_jobs.usecases.give_up_lost import tell_owners
from tseeder_jobs.usecases.keep_abort_rule import keep_abort_rule
from tseeder_jobs.usecases.order_files import order_files
from tseeder_jobs.usecases.probe_media import probe_media
from tseeder_jobs.usecases.read_storage import measure_storage
from tseeder_jobs.usecases.ring_queued import ring_queued
from tseeder_jobs.usecases.settle import settle_leftovers
from tseeder_jobs.usecases.sniff_types import sniff_types
from tseeder_jobs.usecases.stop_blocked import stop_blocked
from tseeder_jobs.usecases.sweep_bucket import sweep_bucket
from tseeder_jobs.usecases.sweep_objects import delete_objects, forget_tombstones, purge_torrents
from tseeder_jobs.usecases.sweep_strays import sweep_strays
from tseeder_jobs.usecases.sweep_uploads import abort_unwanted, carry_completions
from tseeder_jobs.usecases.take_measure import check_storage, count_rows
from tseeder_jobs.usecases.trim_records import trim_records
from tseeder_kit.lifecycle import every
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

Work: TypeAlias = Callable[[Context], Awaitable[int]]

RARELY: Final = 30
"""Rounds of the others for one round of what is in no hurry."""
OFTEN_ENOUGH: Final = 3
"""The same for a gauge that a scrape reads no more often."""
REST: Final = 100
"""How much longer than it took a thrifty sweep rests: it takes 1 % of the time, or comes as rarely as the rare ones (a
machine that stood still for ten seconds in a round must not put the next one off by a quarter of an hour)."""

_swept = counter("jobs_swept", "What sweeps found and carried through", ("sweep",))
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One kind of leftover; `work` answers how many it dealt with. `rounds` of SWEEP_SECONDS go by between two, unless
    the event of `wake` brings the next one forward. `thrifty`: it reads all that waits, and so rests for the longer the
    more that is."""

    name: str
    work: Work
    rounds: int = 1
    wake: Callable[[Context], Event] | None = None
    thrifty: bool = False


SWEEPS: Final = (
    Sweep("queued", ring_queued),
    Sweep("completions", carry_completions),
    Sweep("unwanted_uploads", abort_unwanted),
    Sweep("stray_uploads", sweep_strays, RARELY),
    Sweep("deleted_objects", delete_objects),
    Sweep("tombstones", forget_tombstones, RARELY),
    Sweep("bucket", sweep_bucket, RARELY),
    Sweep("lost_objects", tell_owners),
    Sweep("abort_rule", keep_abort_rule, RARELY),
    Sweep("retention", expire_files, RARELY, thrifty=True),
    Sweep("unused_torrents", purge_torrents),
    Sweep("unsettled_files", settle_leftovers),
    Sweep("stranded_jobs", end_stranded, thrifty=True),
    Sweep("too_large", fail_too_large),
    Sweep("blocked", stop_blocked),
    Sweep("unmerged_magnets", absorb_magnets, wake=lambda ctx: ctx.absorb_now),
    Sweep("deleted_accounts", erase_users, wake=lambda ctx: ctx.erase_now),
    Sweep("unordered_torrents", order_files),
    Sweep("unknown_types", sniff_types),
    Sweep("unknown_media", probe_media),
    Sweep("unknown_primaries", find_primaries),
    Sweep("counts", count_rows, thrifty=True),
    Sweep("storage", check_storage, OFTEN_ENOUGH),
    Sweep("storage_totals", measure_storage, RARELY, thrifty=True),
    Sweep("records", trim_records, RARELY),
)


def sweeps(ctx: Context) -> list[Callable[[], Awaitable[object]]]:
    """The loops, for `supervise`; any number of replicas may run them."""
    return [partial(_loop, ctx, sweep) for sweep in SWEEPS]


async def _loop(ctx: Context, sweep: Sweep) -> None:
    work = partial(sweep_once, ctx, sweep)
    await every(
        ctx.settings.sweep_seconds * sweep.rounds,
        thrifty(work, RARELY * ctx.settings.sweep_seconds) if sweep.thrifty else work,
        wake=sweep.wake(ctx) if sweep.wake else None,
        name=f"jobs_sweep_{sweep.name}",
    )


def thrifty(work: Callable[[], Awaitable[int]], most: float) -> Callable[[], Awaitable[int]]:
    """`work`, left out while it rests from the last time, for `most` seconds at most; the answer is then 0."""
    rests_until = time.monotonic()

    async def perhaps() -> int:
        nonlocal rests_until
        began = time.monotonic()
        if began < rests_until:
            return 0
        try:
            return await work()
        finally:
            now = time.monotonic()
            rests_until = now + min(REST * (now - began), most)

    return perhaps


async def sweep_once(ctx: Context, sweep: Sweep) -> int:
    """One round; what it dealt with is counted and logged."""
    found = await sweep.work(ctx)
    if found:
        _swept.labels(sweep.name).inc(found)
        _log.info("swept", sweep=sweep.name, count=found)
    return found
