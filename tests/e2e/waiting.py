"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.05


async def wait_for(look: Callable[[], Awaitable[T | None]], what: str, *, timeout: float = 60.0) -> T:
    """What `look` answers as soon as it is truthy; AssertionError that names `what` after `timeout` seconds."""
    seen: T | None = None
    try:
        async with asyncio.timeout(timeout):
            while not (seen := await look()):  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {timeout:g} s: {what}") from None
    return seen
