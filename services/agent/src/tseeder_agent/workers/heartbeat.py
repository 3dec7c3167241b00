"""Beats every `heartbeat_seconds` of jobs, at once when the doorbell brings orders, and soon after a failure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.keep_leases import keep_leases
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
_log = get_logger(__name__)


async def heartbeat(ctx: Context) -> NoReturn:
    """For ever. A lease must not run out because a back-off was long: no pause is longer than a beat."""
    next_pause = None
    while True:
        ctx.fleet.beat_now.clear()
        try:
            await keep_leases(ctx)
        except AppError as exc:
            timing = ctx.fleet.timing
            longest = min(LONGEST_PAUSE_SECONDS, timing.heartbeat_seconds if timing else LONGEST_PAUSE_SECONDS)
            if next_pause is None:
                _log.warning("heartbeat_failing", code=exc.code, exc_info=exc)
                next_pause = pauses(min(FIRST_PAUSE_SECONDS, longest), longest)
            await asyncio.sleep(min(next_pause(), longest))
            continue
        if next_pause is not None:
            _log.info("heartbeat_recovered")
            next_pause = None
        timing = ctx.fleet.timing
        with suppress(TimeoutError):
            await asyncio.wait_for(
                ctx.fleet.beat_now.wait(), timing.heartbeat_seconds if timing else FIRST_PAUSE_SECONDS
            )
