"""Stop in order: take nothing more, send what is whole, give every lease back."""

from __future__ import annotations

import asyncio

from tseeder_agent.domain.problems import RESTARTING
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import HandOver
from tseeder_kit.clock import boottime
from tseeder_kit.logging import get_logger

_log = get_logger(__name__)


async def drain_agent(ctx: Context) -> None:
    """Returns when no transfer runs any more; at the latest after twice `hand_over_seconds`, and some clean-up."""
    fleet = ctx.fleet
    fleet.draining = True
    for run in fleet.runs.values():
        run.ask_back(HandOver(RESTARTING))
        if run.tenure.remaining(boottime()) <= 0:
            run.lose()  # jobs is away: nothing may be sent, and nobody would hear of it
    tasks = list(fleet.tasks.values())
    if not tasks:
        return
    _log.info("draining", transfers=len(tasks))
    _, late = await asyncio.wait(tasks, timeout=2 * ctx.settings.hand_over_seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    _log.info("drained", cut_short=len(late))
