"""Tell jobs where a transfer stands and what holds it up, whenever that changes; and with it, or now and then, what is
seen of the swarm."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

from tseeder_agent.domain.transfer import Problem, Stage
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.run import Run
from tseeder_agent.usecases.see_swarm import see_swarm
from tseeder_kit.clock import boottime

UNTROUBLED_SECONDS: Final = 60.0
"""How often what moves is told of: nobody asks why."""


async def report_stage(ctx: Context, run: Run) -> NoReturn:
    """Until it is cancelled; only the newest state of things is told, and the first one always."""
    told: tuple[Stage, Problem | None] | None = None
    due = 0.0
    while True:
        run.to_report.clear()
        now = (run.stage, run.problems.shown)
        wait = due - boottime()
        if now == told and wait > 0:
            # Not wait_for: until Python 3.12 it loses a cancellation that comes together with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await run.to_report.wait()
            continue
        async with run.telling:
            now = (run.stage, run.problems.shown)
            evidence = see_swarm(ctx, run)
            await insist(ctx, run, partial(ctx.jobs.report, run.lease, *now, evidence), run.spans.reports)
        told = now
        soon = evidence is None or now[1] is not None or run.stage is Stage.RESOLVING
        seconds = ctx.settings.evidence_seconds
        due = boottime() + (seconds if soon else max(seconds, UNTROUBLED_SECONDS))
