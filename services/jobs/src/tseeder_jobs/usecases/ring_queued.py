"""A ring that was lost costs this long at most: agents are told again while anything waits."""

from __future__ import annotations

from tseeder import subjects
from tseeder_jobs.store import lanes
from tseeder_jobs.usecases.context import Context
from tseeder_pg import connection


async def ring_queued(ctx: Context) -> int:
    """Rings `jobs.available` if somebody waits who may run more. Answers 0: it is nothing out of the ordinary."""
    async with connection(ctx.pool) as tx:
        waiting = await lanes.any_open(tx)
    if waiting:
        await ctx.bus.ring(subjects.JOBS_AVAILABLE)
    return 0
