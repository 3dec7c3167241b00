"""Ask for work while there is room for it, and start what was given."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tseeder import subjects
from tseeder_agent.domain.claim_delay import claim_delay
from tseeder_agent.domain.problems import RESTARTING
from tseeder_agent.domain.tenure import Tenure, Timing
from tseeder_agent.domain.writes import Claimed
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.fleet import Rung
from tseeder_agent.usecases.room import room_for
from tseeder_agent.usecases.run import Run
from tseeder_agent.usecases.run_spans import lease_attributes
from tseeder_agent.usecases.run_transfer import run_transfer
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.trace_context import TraceContext, parse_traceparent
from tseeder_kit.tracing import Role, start

CLAIM: Final = "claim"
"""The name of the task that asks jobs."""
_log = get_logger(__name__)


async def claim_transfers(ctx: Context) -> None:
    """Once: as many as there are slots and disk for; the later the more there is to do already, so that who is freer
    comes first. AppError if jobs is away."""
    await ctx.leftovers.expire(ctx.settings.leftover_seconds)
    timing = ctx.fleet.timing
    if timing is None or not ctx.fleet.free_slots:
        return
    await asyncio.sleep(claim_delay(len(ctx.fleet.runs), ctx.fleet.slots, _rate(ctx), ctx.settings.bandwidth))
    room = await asyncio.to_thread(room_for, ctx)
    if ctx.fleet.timing is None or not ctx.fleet.free_slots:
        return  # a drain or a cordon came meanwhile
    sent_at, asked_at = boottime(), time.time()
    rung, ctx.fleet.rung = ctx.fleet.rung, None
    for each in await _claimed(ctx, room):
        trace = parse_traceparent(each.traceparent)
        if trace is not None:
            _tell(ctx, each, trace, rung, asked_at)
        _start(ctx, each, timing, sent_at, trace)


async def _claimed(ctx: Context, room: int) -> list[Claimed]:
    """What jobs gives. Stopped while it is asked, the agent waits for the answer and gives back what is in it: jobs
    would keep those leases until they end by themselves, as it does where an answer is lost."""
    asking = asyncio.create_task(ctx.jobs.claim(limit=ctx.fleet.free_slots, disk_free=room), name=CLAIM)
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await _decline(ctx, asking)
        raise


async def _decline(ctx: Context, asking: asyncio.Task[list[Claimed]]) -> None:
    try:
        claimed = await asking
        await asyncio.gather(*(ctx.jobs.release(each.lease, reason=RESTARTING) for each in claimed))
        if claimed:
            _log.info("claim_declined", transfers=len(claimed))
    except AppError as exc:
        _log.info("claim_not_declined", code=exc.code)


def _tell(ctx: Context, claimed: Claimed, trace: TraceContext, rung: Rung | None, asked_at: float) -> None:
    """The transfer's trace says who claimed it, and which ring made him ask, if one did. Claims without a find, of all
    the agents that heard it, are in no trace."""
    attributes = dict(lease_attributes(claimed.lease, ctx.settings.agent_id))
    if rung is None:
        start("claim", parent=trace, attributes=attributes, began=asked_at).end()
        return
    attributes |= {"messaging.system": "nats", "messaging.destination.name": subjects.JOBS_AVAILABLE}
    attributes |= {"messaging.operation.name": "process", "messaging.operation.type": "process"}
    claim = start("claim", role=Role.CONSUMER, parent=trace, links=[rung.trace], attributes=attributes, began=rung.at)
    claim.end()


def _rate(ctx: Context) -> float:
    """Bytes a second that come from the swarm now."""
    return sum(run.torrent.stats.download_rate for run in ctx.fleet.runs.values() if run.torrent)


def _start(ctx: Context, claimed: Claimed, timing: Timing, sent_at: float, trace: TraceContext | None) -> None:
    run = Run(claimed.lease, Tenure(timing.self_stop_seconds, sent_at), claimed.disk_reserved, trace=trace)
    task = asyncio.create_task(run_transfer(ctx, run), name=f"transfer-{claimed.lease.transfer_id}")
    ctx.fleet.add(run, task)
