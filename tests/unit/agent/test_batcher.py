import asyncio
from collections.abc import Sequence

import pytest

from tseeder_agent.usecases.batcher import Batcher
from tseeder_agent.usecases.crew import Crew


async def test_what_comes_in_during_a_call_goes_with_the_next_one() -> None:
    calls: list[list[int]] = []
    first_call = asyncio.Event()
    go_on = asyncio.Event()

    async def double(items: Sequence[int]) -> Sequence[int]:
        calls.append(list(items))
        first_call.set()
        await go_on.wait()
        return [2 * item for item in items]

    batcher = Batcher(double, limit=3)
    async with Crew(batcher.work):
        first = asyncio.create_task(batcher.ask(1))
        await first_call.wait()
        others = [asyncio.create_task(batcher.ask(item)) for item in range(2, 7)]
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10, 12]
    assert calls == [[1], [2, 3, 4], [5, 6]]


async def test_an_error_of_a_call_ends_those_who_asked() -> None:
    async def fail(_items: Sequence[int]) -> Sequence[int]:
        raise ValueError("no")

    batcher = Batcher(fail, limit=3)
    with pytest.raises(ValueError, match="no"):
        async with Crew(batcher.work):
            await batcher.ask(1)


async def test_a_crew_raises_the_error_itself_and_cancels_the_rest() -> None:
    cancelled = asyncio.Event()

    async def idle() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        async with Crew(idle, fail):
            await asyncio.Event().wait()
    assert cancelled.is_set()


async def test_leaving_a_crew_ends_its_loops() -> None:
    ended = asyncio.Event()

    async def idle() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Crew(idle):
        await asyncio.sleep(0)
    assert ended.is_set()
