"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.looking import pauses

T = TypeVar("T")


async def wait_for(look: Callable[[], Awaitable[T | None]], what: str, *, timeout: float = 60.0) -> T:
    """What `look` answers as soon as it is truthy; AssertionError that names `what` after `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            for pause in pauses():
                if seen := await look():
                    return seen
                await asyncio.sleep(pause)
    except TimeoutError:
        pass
    raise AssertionError(f"not within {timeout:g} s: {what}")
