"""Bound to a device, the swarm is reached by it and by no other: also while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.agent.safety.conftest import Internet
from tests.integration.agent.safety.namespaces import wire
from tests.integration.agent.safety.places import OTHER_PUBLIC, PUBLIC, RESOLVER, Way
from tests.integration.agent.safety.running import HERE, Asked, by_way, probing, settled, started, until
from tests.integration.agent.safety.wishes import everything

pytestmark = pytest.mark.netns
DEVICE = "vpn0"
BOUND: dict[str, Any] = {"listen_interfaces": f"{DEVICE}:6881", "interfaces": [DEVICE]}
LOOK_UP = {("udp", RESOLVER, 53)}
# By IPv4, which is what the device has.
WAYS = {
    Way.HTTP_TRACKER, Way.HTTPS_TRACKER, Way.UDP_TRACKER, Way.TRACKER_REDIRECT, Way.WEB_SEED, Way.COMPACT_PEERS,
    Way.PEX, Way.KNOWN_PEER, Way.DHT_BOOTSTRAP, Way.DHT_NODE,
}  # fmt: skip


def plug_in(internet: Internet) -> None:
    """The device comes, with a route that nobody takes unless he is bound to it."""
    wire(internet.inside, internet.world, DEVICE, ("9.9.10.2", "9.9.10.1"), None)
    internet.inside.do("ip", "route", "add", "default", "via", "9.9.10.1", "dev", DEVICE, "metric", "900")


@asynccontextmanager
async def watched(internet: Internet) -> AsyncIterator[Asked]:
    """Who is contacted by the device."""
    async with started(internet.world, f"{HERE}.watcher", DEVICE) as asked:
        yield asked


@pytest.mark.faults
async def test_everything_goes_by_the_device(internet: Internet) -> None:
    plug_in(internet)
    told = {"settings": BOUND, **everything()}
    async with watched(internet) as device, probing(internet.inside, internet.folder / "p", told, internet.trusting):
        by_device = await until([device], lambda contacts: set(by_way(contacts)) >= WAYS)
        assert set(by_way(by_device)) >= WAYS
        others = await settled(internet.watching)
    assert set(others) - LOOK_UP == set()
    internet.inside.do("ip", "link", "del", DEVICE)


async def test_while_the_device_is_away_nothing_goes_another_way(internet: Internet) -> None:
    told = {"settings": BOUND, **everything()}
    async with probing(internet.inside, internet.folder / "p", told, internet.trusting) as swarm:
        others = await settled(internet.watching, 3)
        assert set(others) - LOOK_UP == set()
        plug_in(internet)
        async with watched(internet) as device:
            await swarm.ask(f"trackers late http://{PUBLIC}:{Way.LATE_TRACKER}/announce")
            seen = await until([device], lambda contacts: Way.LATE_TRACKER in by_way(contacts))
            assert Way.LATE_TRACKER in by_way(seen), "it does not come back with its device"
            internet.inside.do("ip", "link", "del", DEVICE)
        await swarm.ask(f"trackers late http://{OTHER_PUBLIC}:{Way.LATE_TRACKER}/announce")
        others = await settled(internet.watching, 3)
    assert set(others) - LOOK_UP == set()
