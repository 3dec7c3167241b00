from collections.abc import AsyncIterator

import pytest

from tseeder_agent.adapters.swarm import Swarm, SwarmSettings, open_swarm

LOOPBACK = SwarmSettings(
    listen_interfaces="127.0.0.1:0", admit_loopback=True, dht=False, utp=False, stop_tracker_seconds=0
)


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    """A libtorrent session of the test's own that may talk to loopback."""
    async with open_swarm(LOOPBACK) as swarm:
        yield swarm
