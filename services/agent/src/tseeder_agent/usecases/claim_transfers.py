"""Ask for work while there is room for it, and start what was given."""

from __future__ import annotations

import asyncio

from tseeder_agent.domain.tenure import Tenure, Timing
from tseeder_agent.domain.writes import Claimed
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run
from tseeder_agent.usecases.run_transfer import run_transfer
from tseeder_kit.clock import boottime


async def claim_transfers(ctx: Context) -> None:
    """Once: as many as there are slots and disk for. AppError if jobs is away."""
    timing = ctx.fleet.timing
    if timing is None or not ctx.fleet.free_slots:
        return
    room = await asyncio.to_thread(_room, ctx)
    sent_at = boottime()
    claimed = await ctx.jobs.claim(limit=ctx.fleet.free_slots, disk_free=room)
    for each in claimed:
        _start(ctx, each, timing, sent_at)


def _room(ctx: Context) -> int:
    """Bytes of disk that no running transfer may still need."""
    runs = list(ctx.fleet.runs.values())
    reserved = sum(run.disk_reserved for run in runs)
    still_to_write = sum(max(0, run.disk_reserved - run.staged_bytes) for run in runs)
    capacity, free = ctx.scratch.capacity_bytes(), ctx.scratch.free_bytes()
    return max(0, min(capacity - reserved, free - still_to_write))


def _start(ctx: Context, claimed: Claimed, timing: Timing, sent_at: float) -> None:
    run = Run(claimed.lease, Tenure(timing.self_stop_seconds, sent_at), claimed.disk_reserved)
    task = asyncio.create_task(run_transfer(ctx, run), name=f"transfer-{claimed.lease.transfer_id}")
    ctx.fleet.add(run, task)
