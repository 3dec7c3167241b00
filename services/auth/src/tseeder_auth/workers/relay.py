"""Numbers committed events, rings for those who read them, and measures how far behind they are."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from tseeder.subjects import AUTH_FEED
from tseeder_bus import Bus
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool, feed

MEASURE_SECONDS: Final = 10.0


async def relay(pool: Pool, bus: Bus, readers: Sequence[str], seconds: float) -> None:
    """Runs for ever; any number of replicas may. The readers are registered first, once Postgres is there."""
    registered = False

    async def stamp_and_ring() -> None:
        nonlocal registered
        if not registered:
            await feed.register_readers(pool, readers)
            registered = True
        if await feed.stamp(pool):
            await bus.ring(AUTH_FEED)

    await every(seconds, stamp_and_ring, name="auth_relay")


async def feed_lag(pool: Pool) -> None:
    """Runs for ever."""
    await every(MEASURE_SECONDS, partial(feed.measure, pool), name="auth_feed_lag")
