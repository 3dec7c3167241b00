"""The agent's swarm with the settings of production, led to private addresses by every way there is.

Two runs of the same torrents: one as in production, one with every network admitted. The second proves that each way
does lead there, and that a contact would have been seen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.integration.agent.safety.conftest import Internet
from tests.integration.agent.safety.places import PUBLIC, RESOLVER, Way, hosts, is_public
from tests.integration.agent.safety.running import Contacts, by_way, probing, settled, until
from tests.integration.agent.safety.wishes import each_way

pytestmark = pytest.mark.netns
EVERYWHERE = ("0.0.0.0/0", "::/0")
LATE = ["trackers", "late", *(f"http://{host}:{Way.LATE_TRACKER}/announce" for host in [*hosts(), PUBLIC])]
# Peers that a magnet names are not taken at all, public ones neither.
NEVER = {Way.MAGNET_PEER}


def public(contacts: Contacts) -> set[Way]:
    """The ways by which somebody public was contacted."""
    return {way for way, found in by_way(contacts).items() if any(map(is_public, found))}


def inside(contacts: Contacts) -> dict[Way, set[str]]:
    """The addresses that nobody may contact, by way."""
    found = {way: {each for each in contacted if not is_public(each)} for way, contacted in by_way(contacts).items()}
    return {way: contacted for way, contacted in found.items() if contacted}


@asynccontextmanager
async def led_everywhere(internet: Internet, settings: Mapping[str, Any]) -> AsyncIterator[None]:
    """Swarms with these settings, led by every way to every host."""
    async with AsyncExitStack() as stack:
        for number, told in enumerate(each_way()):
            one = probing(internet.inside, internet.folder / f"p{number}", {**settings, **told}, internet.trusting)
            swarm = await stack.enter_async_context(one)
            if not number:
                await swarm.ask(" ".join(LATE))
        yield


async def test_as_in_production_every_way_leads_to_the_public_and_none_inside(internet: Internet) -> None:
    async with led_everywhere(internet, {}):
        seen = await until(internet.watching, lambda contacts: public(contacts) >= set(Way) - NEVER)
        assert public(seen) == set(Way) - NEVER
        seen = await settled(internet.watching)
    seen += await settled(internet.watching, 0)
    assert inside(seen) == {}
    # Nor by any port that is no way's: names are asked for, and nobody else is.
    assert {host for _, host, _ in seen if not is_public(host)} == {RESOLVER}


@pytest.mark.faults
async def test_where_all_is_admitted_every_way_leads_inside(internet: Internet) -> None:
    # The world's peers speak neither uTP nor encryption: without them they are not tried again and again.
    settings = {"admitted_networks": EVERYWHERE, "encryption": "off", "utp": False}
    async with led_everywhere(internet, {"settings": settings}):
        seen = await until(internet.watching, lambda contacts: set(inside(contacts)) >= set(Way))
    assert set(Way) - set(inside(seen)) == set()
