import asyncio
import resource
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tseeder_agent.usecases.part_buffers import UNIT, PartBuffers


async def test_no_more_is_given_than_there_is_and_in_order() -> None:
    buffers = PartBuffers(2 * UNIT)
    order: list[str] = []

    async def use(name: str, size: int) -> None:
        async with buffers.hold(size) as buffer:
            assert len(buffer) == size
            order.append(name)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(buffers.hold(UNIT))
        first = asyncio.create_task(use("large", 2 * UNIT))
        await asyncio.sleep(0)
        second = asyncio.create_task(use("small", 1))
        await asyncio.sleep(0)
        assert not order, "the small one overtook the large one"
    await asyncio.gather(first, second)
    assert order == ["large", "small"]


async def test_more_than_there_is_at_all_is_given_to_one_alone() -> None:
    buffers = PartBuffers(UNIT)
    async with buffers.hold(3 * UNIT) as buffer:
        assert len(buffer) == 3 * UNIT


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    buffers = PartBuffers(UNIT)
    async with buffers.hold(UNIT):
        waiting = asyncio.create_task(buffers.hold(UNIT).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(1), buffers.hold(UNIT):
        pass


async def test_what_is_charged_is_what_is_used() -> None:
    buffers = PartBuffers(2 * UNIT)
    async with AsyncExitStack() as stack:
        for size in (UNIT // 8, UNIT // 8, UNIT - 1):
            held = await stack.enter_async_context(buffers.hold(size))
            assert len(held) == size
            assert memoryview(held.obj).nbytes == (UNIT if size > UNIT // 2 else size)
        waiting = asyncio.create_task(buffers.hold(UNIT - 1).__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done(), "more memory is in use than there is"
        waiting.cancel()


async def test_a_buffer_that_an_error_left_is_not_used_again() -> None:
    buffers = PartBuffers(2 * UNIT)
    async with buffers.hold(1):  # so that not all is free in between
        async with buffers.hold(UNIT - 1) as first:
            first[:1] = b"a"
        async with buffers.hold(UNIT - 1) as again:
            assert again.obj is first.obj
        with pytest.raises(ValueError, match="broken"):
            async with buffers.hold(UNIT - 1) as broken:
                raise ValueError("broken")
        async with buffers.hold(UNIT - 1) as fresh:
            assert fresh.obj is not broken.obj


async def test_spare_buffers_go_when_small_parts_need_their_memory() -> None:
    """Small parts take none of them: both together would be twice what may be used."""
    buffers = PartBuffers(4 * UNIT)
    async with buffers.hold(1):  # so that not all is free in between
        async with AsyncExitStack() as large:
            before = [(await large.enter_async_context(buffers.hold(UNIT))).obj for _ in range(3)]
        async with AsyncExitStack() as small:
            for _ in range(5):
                await small.enter_async_context(buffers.hold(UNIT // 2))
        async with AsyncExitStack() as large:
            after = [(await large.enter_async_context(buffers.hold(UNIT))).obj for _ in range(3)]
    assert len({id(each) for each in before} & {id(each) for each in after}) == 1


async def test_a_buffer_that_could_not_be_had_is_not_counted() -> None:
    buffers = PartBuffers(UNIT)
    with pytest.raises((MemoryError, OverflowError)):
        async with buffers.hold(sys.maxsize):
            raise AssertionError("there is no machine with so much memory")
    async with asyncio.timeout(1), buffers.hold(UNIT):
        pass


async def test_a_large_buffer_is_touched_by_nobody_before_it_is_used() -> None:
    """Zeroing it on the event loop would stop that for as long."""
    buffers = PartBuffers(64 * UNIT)
    before = resident_bytes()
    async with buffers.hold(UNIT), buffers.hold(8 * UNIT):
        assert resident_bytes() - before < UNIT


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
