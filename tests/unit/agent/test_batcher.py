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


async def test_it_waits_for_those_who_will_ask_soon() -> None:
    calls: list[list[int]] = []
    under_way = 3

    async def same(items: Sequence[int]) -> Sequence[int]:
        calls.append(list(items))
        return items

    batcher = Batcher(same, limit=10, linger=60, enough=9, expects_more=lambda: under_way > 0)

    async def one(item: int) -> int:
        nonlocal under_way
        under_way -= 1
        return await batcher.ask(item)

    async with Crew(batcher.work):
        first, second = (asyncio.create_task(one(item)) for item in (1, 2))
        for _ in range(10):
            await asyncio.sleep(0)
        assert calls == []
        under_way -= 1  # the third one fails, and never asks
        batcher.look()
        assert list(await asyncio.gather(first, second)) == [1, 2]
    assert calls == [[1, 2]]


async def test_it_waits_no_longer_than_it_should_nor_for_more_than_it_can_take() -> None:
    calls: list[list[int]] = []

    async def same(items: Sequence[int]) -> Sequence[int]:
        calls.append(list(items))
        return items

    patient = Batcher(same, limit=9, linger=60, enough=2, expects_more=lambda: True)
    hurried = Batcher(same, limit=9, linger=0.001, enough=9, expects_more=lambda: True)
    async with Crew(patient.work, hurried.work):
        assert list(await asyncio.gather(patient.ask(1), patient.ask(2))) == [1, 2]
        assert await hurried.ask(3) == 3
    assert calls == [[1, 2], [3]]


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
