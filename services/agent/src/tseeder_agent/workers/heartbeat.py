"""Beats every `heartbeat_seconds` of jobs, at once when the doorbell brings orders, and soon after a failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.keep_leases import keep_leases
from tseeder_kit.clock import boottime
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
LEAST_SECONDS = 0.2
"""Between beats, however often the doorbell rings: what rings meanwhile is answered by one."""
START_SECONDS = 10.0  # so long jobs may still be starting, and waiting for it is nothing to warn of
_log = get_logger(__name__)


async def heartbeat(ctx: Context) -> NoReturn:
    """For ever. A lease must not run out because a back-off was long: no pause is longer than a beat."""
    failing: _Failing | None = None
    while True:
        ctx.fleet.beat_now.clear()
        began = boottime()
        try:
            await keep_leases(ctx)
        except AppError as exc:
            timing = ctx.fleet.timing
            longest = min(LONGEST_PAUSE_SECONDS, timing.heartbeat_seconds if timing else LONGEST_PAUSE_SECONDS)
            failing = failing or _Failing(longest)
            failing.tell(exc, joined=timing is not None)
            await asyncio.sleep(min(failing.next_pause(), longest))
            continue
        if failing is not None and failing.warned:
            _log.info("heartbeat_recovered")
        failing = None
        timing = ctx.fleet.timing
        pause = timing.heartbeat_seconds if timing else FIRST_PAUSE_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await ctx.fleet.beat_now.wait()
        await asyncio.sleep(began + min(LEAST_SECONDS, pause) - boottime())


class _Failing:
    """Beats that fail one after the other: warned of once; before the agent has joined only after a while."""

    def __init__(self, longest: float) -> None:
        self.warned = False
        self.next_pause = pauses(min(FIRST_PAUSE_SECONDS, longest), longest)
        self._since = boottime()
        self._told = False

    def tell(self, exc: AppError, *, joined: bool) -> None:
        """Log what is new about it."""
        may_start_yet = not joined and exc.kind is Kind.UNAVAILABLE and boottime() - self._since < START_SECONDS
        if may_start_yet and not self._told:
            _log.info("waiting_for_jobs")
        elif not may_start_yet and not self.warned:
            self.warned = True
            _log.warning("heartbeat_failing", code=exc.code, exc_info=exc)
        self._told = True
