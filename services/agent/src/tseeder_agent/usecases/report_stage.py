"""Tell jobs where a transfer stands and what holds it up, whenever that changes."""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from tseeder_agent.domain.transfer import Problem, Stage
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.run import Run


async def report_stage(ctx: Context, run: Run) -> NoReturn:
    """Until it is cancelled; only the newest state of things is told, and the first one always."""
    told: tuple[Stage, Problem | None] | None = None
    while True:
        run.to_report.clear()
        now = (run.stage, run.problems.shown)
        if now == told:
            await run.to_report.wait()
            continue
        await insist(ctx, run, partial(ctx.jobs.report, run.lease, *now), run.spans.reports)
        told = now
