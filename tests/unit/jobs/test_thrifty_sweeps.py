"""How long a sweep rests that reads all that waits."""

from __future__ import annotations

import asyncio

import pytest

from tseeder_jobs.workers.sweeps import REST, thrifty

LONG = REST * 60.0


async def something() -> int:
    """A round that takes a moment."""
    await asyncio.sleep(0.05)
    return 7


async def test_it_rests_after_a_round() -> None:
    swept = thrifty(something, most=LONG)
    assert [await swept(), await swept(), await swept()] == [7, 0, 0]


async def test_however_long_it_took_it_rests_for_the_most_at_most() -> None:
    """So a machine that stood still in a round does not put the next one off for hours."""
    swept = thrifty(something, most=0.0)
    assert [await swept(), await swept()] == [7, 7]


async def test_it_rests_after_a_failure_too() -> None:
    async def fail() -> int:
        await something()
        raise ValueError

    swept = thrifty(fail, most=LONG)
    with pytest.raises(ValueError, match=r"^$"):
        await swept()
    assert await swept() == 0
