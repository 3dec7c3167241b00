"""Numbers committed events, rings for those who wait for them, and forgets what all readers have."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tseeder import subjects
from tseeder_jobs.store import events
from tseeder_jobs.usecases.context import Context
from tseeder_kit.clock import boottime
from tseeder_kit.lifecycle import every
from tseeder_pg import connection, feed

PAGE: Final = 1000


async def relay(ctx: Context, poked: asyncio.Event) -> None:
    """Runs for ever, at once after a commit (`poked`) and now and then anyway. Any number of replicas may: stamping is
    serialized by an advisory lock, and whoever stamped rings."""
    await every(ctx.settings.relay_seconds, _Relay(ctx).run, wake=poked, name="jobs_relay")


class _Relay:
    """One replica's relay; it remembers only when to trim next."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._trim_at = 0.0

    async def run(self) -> None:
        """One round. Trimming comes after ringing, in the same loop: an event that is gone cannot be rung for."""
        await stamp_and_ring(self._ctx)
        if boottime() < self._trim_at:
            return
        settings = self._ctx.settings
        if await feed.trim(self._ctx.pool, silent_after=timedelta(days=settings.feed_silent_days)) < feed.TRIM_BATCH:
            self._trim_at = boottime() + settings.sweep_seconds


async def stamp_and_ring(ctx: Context) -> None:
    """Stamps all that is committed, then rings `jobs.feed`, and `jobs.job.<id>.changed` once for each job it told of.

    What another replica stamps at the same moment may be rung twice; what one stamped and died before it rang is not
    rung at all, and shows when its watchers read again.
    """
    async with connection(ctx.pool) as tx:
        rung = await events.head(tx)
    stamped = feed.STAMP_BATCH
    while stamped == feed.STAMP_BATCH:
        stamped = await feed.stamp(ctx.pool)
        if stamped:
            rung = await _ring(ctx, rung)


async def _ring(ctx: Context, after_seq: int) -> int:
    """For all that is stamped after `after_seq`; answers up to where."""
    await ctx.bus.ring(subjects.JOBS_FEED)
    while True:
        async with connection(ctx.pool) as tx:
            told = await events.stamped_jobs(tx, after_seq, PAGE)
        for job_id in dict.fromkeys(job_id for _, job_id in told):
            await ctx.bus.ring(subjects.job_changed(job_id))
        if told:
            after_seq = told[-1][0]
        if len(told) < PAGE:
            return after_seq
