"""Loops that outlive what they meet: `every` rides out errors that pass, `supervise` restarts what crashed."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, NoReturn, TypeAlias

from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter

Worker: TypeAlias = Callable[[], Awaitable[object]]

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 15.0
_HEALTHY_AFTER_SECONDS: Final = 60.0

_crashes = counter("worker_crashes", "Loops that ended with an error and were started again", ("worker",))
_failures = counter("loop_failures", "Rounds of a loop that failed and will be tried again", ("loop", "code"))
_log = get_logger(__name__)


def pauses(first: float = FIRST_PAUSE_SECONDS, longest: float = LONGEST_PAUSE_SECONDS) -> Callable[[], float]:
    """Back-off: each call gives the next pause in seconds, doubling up to `longest`, with half of it left to chance."""
    ceiling = first / 2

    def following() -> float:
        nonlocal ceiling
        ceiling = min(ceiling * 2, longest)
        return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads load, it guards nothing

    return following


@asynccontextmanager
async def supervise(*workers: Worker) -> AsyncIterator[None]:
    """Runs each worker in a task while inside; one that crashes is logged, counted and started again after a pause.

    A worker that returns is done. On leaving all are cancelled and waited for.
    """
    tasks = [asyncio.create_task(_keep_running(worker), name=_name(worker)) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    next_pause = pauses()
    while True:
        began = loop.time()
        try:
            await worker()
            return
        except Exception as exc:  # noqa: BLE001 - a loop outlives whatever its body meets
            if loop.time() - began > _HEALTHY_AFTER_SECONDS:
                next_pause = pauses()
            pause = next_pause()
            _crashes.labels(_name(worker)).inc()
            _log.error("worker_crashed", worker=_name(worker), restart_in_seconds=round(pause, 2), exc_info=exc)
            await asyncio.sleep(pause)


async def every(
    seconds: float, fn: Worker, *, jitter: float = 0.1, wake: asyncio.Event | None = None, name: str | None = None
) -> NoReturn:
    """Calls `fn` for ever, `seconds` after its last end, give or take the share `jitter` of it.

    `wake`, when set, brings the next call forward, and is cleared (a doorbell). An AppError, an OSError or a time-out
    means that something is away for a while: it is logged once per streak and counted, and the next call comes after
    a back-off. Any other exception is a defect and goes up (to `supervise`).
    """
    label = name or _name(fn)
    next_pause: Callable[[], float] | None = None
    while True:
        if wake is not None:
            # Before the call: a ring that comes during it asks for another one.
            wake.clear()
        try:
            await fn()
        except (AppError, OSError, TimeoutError) as exc:
            code = exc.code if isinstance(exc, AppError) else type(exc).__name__
            _failures.labels(label, code).inc()
            if next_pause is None:
                next_pause = pauses(min(FIRST_PAUSE_SECONDS, seconds), max(LONGEST_PAUSE_SECONDS, seconds))
                _log.warning("loop_failing", loop=label, code=code, exc_info=exc)
            await asyncio.sleep(next_pause())
            continue
        if next_pause is not None:
            next_pause = None
            _log.info("loop_recovered", loop=label)
        await _rest(seconds * random.uniform(1 - jitter, 1 + jitter), wake)  # noqa: S311


async def _rest(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


def _name(worker: Worker) -> str:
    inner = worker.func if isinstance(worker, partial) else worker
    return getattr(inner, "__qualname__", type(inner).__qualname__)
