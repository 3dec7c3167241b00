"""The heartbeat: one call that names every lease; its answer renews them, takes them away, and brings orders."""

from __future__ import annotations

import asyncio

from tseeder_agent.domain.problems import DRAINING, PARKED
from tseeder_agent.domain.tenure import Timing
from tseeder_agent.domain.writes import Beat
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.register_agent import register_agent
from tseeder_agent.usecases.run import HandOver
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger

_log = get_logger(__name__)


async def keep_leases(ctx: Context) -> None:
    """Join if need be, then beat once. AppError if jobs is away or refuses: beat again soon."""
    if ctx.fleet.timing is None and not ctx.fleet.draining:
        await register_agent(ctx)
    timing = ctx.fleet.timing
    if timing is None:
        return
    try:
        await _beat(ctx, timing)
    except AppError as exc:
        if exc.kind is Kind.UNAUTHENTICATED:
            _log.warning("credential_refused", code=exc.code)
            ctx.fleet.timing = None
        raise


async def _beat(ctx: Context, timing: Timing) -> None:
    held = [(run.lease, run.wanted_version) for run in ctx.fleet.runs.values()]
    disk_free = await asyncio.to_thread(ctx.scratch.free_bytes)
    sent_at = boottime()
    beat = await ctx.jobs.heartbeat(
        held, disk_free=disk_free, draining=ctx.fleet.draining, timeout=min(timing.heartbeat_seconds, 10.0)
    )
    _obey(ctx, beat, sent_at)


def _obey(ctx: Context, beat: Beat, sent_at: float) -> None:
    fleet = ctx.fleet
    for lease, run in fleet.runs.items():
        if lease in beat.renewed:
            run.renew(sent_at)
        elif lease in beat.lost:
            run.lose()
    for order in beat.orders:
        ordered = fleet.runs.get(order.lease)
        if ordered is None:
            continue
        if order.park:
            ordered.ask_back(HandOver(PARKED, wanted_version=order.wanted_version))
        else:
            ordered.want(order.wanted_version)
    if (fleet.cordoned or fleet.drained) and not (beat.cordoned or beat.drain):
        fleet.claim_now.set()
    if beat.drain and not fleet.drained:
        _log.info("drain_ordered", transfers=len(fleet.runs))
    fleet.cordoned, fleet.drained = beat.cordoned, beat.drain
    if beat.drain:  # said with every beat, so that what was claimed while the order came is given back, too
        for run in fleet.runs.values():
            run.ask_back(HandOver(DRAINING))
