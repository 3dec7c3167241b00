"""A listener's queue forgets the oldest, and ends when it is closed."""

import asyncio

import pytest

from tseeder_bus import Message, Messages


def message(n: int) -> Message:
    return Message("s", str(n).encode())


async def test_messages_come_in_order() -> None:
    messages = Messages("s", 10)
    for n in range(3):
        messages.offer(message(n))
    assert [await anext(messages) for _ in range(3)] == [message(0), message(1), message(2)]


async def test_a_full_queue_drops_the_oldest_and_counts() -> None:
    messages = Messages("s", 2)
    for n in range(5):
        messages.offer(message(n))
    assert messages.dropped == 3
    assert [(await anext(messages)).data for _ in range(2)] == [b"3", b"4"]


async def test_a_waiting_consumer_is_woken() -> None:
    messages = Messages("s", 2)
    waiting = asyncio.create_task(anext(messages))
    await asyncio.sleep(0)
    assert not waiting.done()
    messages.offer(message(1))
    assert await asyncio.wait_for(waiting, 5) == message(1)


async def test_closing_ends_the_iteration_also_of_one_that_waits() -> None:
    messages = Messages("s", 2)
    messages.offer(message(1))
    messages.close()
    messages.offer(message(2))
    with pytest.raises(StopAsyncIteration):
        await anext(messages)
    waiter = Messages("s", 2)
    waiting = asyncio.create_task(collect(waiter))
    await asyncio.sleep(0)
    waiter.close()
    assert await asyncio.wait_for(waiting, 5) == []


async def collect(messages: Messages) -> list[Message]:
    return [each async for each in messages]
