"""Asking jobs until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Final, TypeVar

from tseeder_agent.domain.transfer import Problem
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import LeaseLost, Run
from tseeder_kit.errors import AppError, Kind
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_kit.trace_context import unrecorded_inside
from tseeder_kit.tracing import Sparse

T = TypeVar("T")
LEASE_LOST: Final = "lease_lost"
_log = get_logger(__name__)


async def insist(ctx: Context, run: Run, call: Callable[[], Awaitable[T]], often: Sparse | None = None) -> T:
    """The answer of `call`, which is tried again while jobs, or what it needs, is away.

    Of a call that a run makes `often`, the trace has some; of the tries, the first.
    LeaseLost and LeaseLapsed as soon as they are known; any other AppError that will not pass goes up.
    """
    next_pause = pauses(ctx.settings.retry_seconds, ctx.settings.retry_longest_seconds)
    told = False
    while True:
        run.check_tenure()
        try:
            with unrecorded_inside() if told else often.turn() if often else nullcontext():
                answer = await call()
        except AppError as exc:
            if exc.code == LEASE_LOST:
                raise LeaseLost from exc
            if exc.kind is Kind.UNAUTHENTICATED:
                ctx.fleet.beat_now.set()  # which finds out, and joins again
            elif not exc.retryable:
                raise
            if not told:
                _log.info("jobs_does_not_answer", code=exc.code)
                told = True
            run.troubled("jobs", Problem(exc.code, exc.message))
            await asyncio.sleep(next_pause())
        else:
            run.untroubled("jobs")
            return answer
