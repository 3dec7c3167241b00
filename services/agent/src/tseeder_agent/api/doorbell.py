"""NATS rings: there may be work, or orders wait. Nothing is taken from a message but that it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tseeder import subjects
from tseeder_bus import Bus
from tseeder_kit.trace_context import TraceContext

ONE = 1
"""Rings that wait are as good as one."""


async def ring_through(bus: Bus, subject: str, bell: Callable[[TraceContext | None], None]) -> None:
    """Call `bell` at each message to `subject`, for ever, with the span that it was rung in."""
    async with bus.listen(subject, max_pending=ONE) as messages:
        async for message in messages:
            bell(message.trace)


async def work_bell(bus: Bus, claim_now: Callable[[TraceContext | None], None]) -> None:
    """`jobs.available`: claim now."""
    await ring_through(bus, subjects.JOBS_AVAILABLE, claim_now)


async def order_bell(bus: Bus, agent_id: str, beat_now: asyncio.Event) -> None:
    """`agent.<id>.orders`: send a heartbeat now."""
    await ring_through(bus, subjects.agent_orders(agent_id), lambda _: beat_now.set())
