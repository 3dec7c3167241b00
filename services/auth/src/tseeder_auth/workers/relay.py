"""Numbers committed events and rings for those who read them."""

from tseeder.subjects import AUTH_FEED
from tseeder_bus import Bus
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool, feed


async def relay(pool: Pool, bus: Bus, seconds: float) -> None:
    """Runs for ever; any number of replicas may."""

    async def stamp_and_ring() -> None:
        if await feed.stamp(pool):
            await bus.ring(AUTH_FEED)

    await every(seconds, stamp_and_ring, name="auth_relay")
