"""Loops ride out what passes, are restarted when they crash, and end when they are told to."""

import asyncio
from functools import partial

import pytest
from prometheus_client import REGISTRY

from tseeder_kit.errors import unavailable
from tseeder_kit.loops import every, pauses, supervise


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_pauses_double_up_to_the_longest_with_chance() -> None:
    next_pause = pauses(0.1, 1.0)
    got = [next_pause() for _ in range(8)]
    for pause, ceiling in zip(got, [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0], strict=True):
        assert ceiling / 2 <= pause <= ceiling


class Rounds:
    """A worker's rounds: fails as it is told, and says when it was called often enough."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.enough = asyncio.Event()

    async def one(self) -> None:
        self.calls += 1
        error = self.errors.pop(0) if self.errors else None
        if not self.errors:
            self.enough.set()
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [unavailable("database_unavailable", "x"), OSError(), TimeoutError()])
async def test_every_goes_on_after_errors_that_pass(error: Exception) -> None:
    rounds = Rounds(error, None, error, None)
    async with supervise(partial(every, 0.001, rounds.one)):
        await asyncio.wait_for(rounds.enough.wait(), 5)
    assert rounds.calls >= 4


async def test_every_counts_failures_by_code() -> None:
    rounds = Rounds(unavailable("database_unavailable", "x"), None)
    before = metric("tseeder_loop_failures_total", loop="mine", code="database_unavailable")
    async with supervise(partial(every, 0.001, rounds.one, name="mine")):
        await asyncio.wait_for(rounds.enough.wait(), 5)
    assert metric("tseeder_loop_failures_total", loop="mine", code="database_unavailable") == before + 1


async def test_a_defect_is_not_swallowed_by_every() -> None:
    rounds = Rounds(RuntimeError("a defect"))
    with pytest.raises(RuntimeError):
        await every(0.001, rounds.one)


async def test_a_ring_brings_the_next_round_forward() -> None:
    wake, first, second = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def one() -> None:
        second.set() if first.is_set() else first.set()

    async with supervise(partial(every, 3600, one, wake=wake)):
        await asyncio.wait_for(first.wait(), 5)
        await asyncio.sleep(0)  # the first round has ended
        wake.set()
        await asyncio.wait_for(second.wait(), 5)


async def test_a_ring_during_a_round_asks_for_another() -> None:
    wake = asyncio.Event()
    calls = 0
    done = asyncio.Event()

    async def one() -> None:
        nonlocal calls
        calls += 1
        wake.set() if calls == 1 else done.set()

    async with supervise(partial(every, 3600, one, wake=wake)):
        await asyncio.wait_for(done.wait(), 5)


async def test_a_crashed_worker_is_started_again_and_counted() -> None:
    rounds = Rounds(RuntimeError("a defect"), None)

    async def crasher() -> None:
        await rounds.one()

    name = crasher.__qualname__
    before = metric("tseeder_worker_crashes_total", worker=name)
    async with supervise(crasher):
        await asyncio.wait_for(rounds.enough.wait(), 5)
    assert metric("tseeder_worker_crashes_total", worker=name) == before + 1


async def test_leaving_cancels_and_waits() -> None:
    ended = []
    started = asyncio.Event()

    async def worker() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async with supervise(worker):
        await started.wait()
    assert ended == [True]


async def test_an_error_inside_the_block_goes_through() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with supervise(asyncio.Event().wait):
            raise ValueError("mine")
