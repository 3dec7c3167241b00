"""With a proxy everything of the swarm goes through it, and nothing around it but questions for names."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.integration.agent.safety.conftest import Internet
from tests.integration.agent.safety.places import INSIDE, INSIDE6, PROXY, RESOLVER, Way, is_public
from tests.integration.agent.safety.running import PATIENCE, Asked, Contacts, probing, settled, started, until
from tests.integration.agent.safety.wishes import everything
from tseeder_kit.hosts import points_inside

pytestmark = pytest.mark.netns
PORT = 1080
USER, WORD = "user", "p@ss:word"
LOOK_UP = ("udp", RESOLVER, 53)
TCP_WAYS = {Way.HTTPS_TRACKER, Way.TRACKER_REDIRECT, Way.HTTPS_REDIRECT, Way.COMPACT_PEERS, Way.PEX, Way.KNOWN_PEER}
REDIRECTS = {Way.TRACKER_REDIRECT, Way.HTTPS_REDIRECT, Way.WEB_SEED_REDIRECT}


@dataclass(frozen=True)
class Asking:
    """A proxy in the world."""

    asked: Asked

    async def told(self) -> dict[Way, set[str]]:
        """The hosts it was asked for, by way."""
        found: dict[Way, set[str]] = {}
        for host, port in (await self.asked.ask(""))["targets"]:
            if port in set(Way):
                found.setdefault(Way(port), set()).add(host)
        return found

    async def said(self) -> bytes:
        """What was sent through it."""
        return base64.b64decode((await self.asked.ask(""))["said"])

    async def refused(self) -> int:
        return int((await self.asked.ask(""))["refused"])


@asynccontextmanager
async def a_proxy(internet: Internet) -> AsyncIterator[Asking]:
    async with started(internet.world, "tseeder_testkit.proxies", PROXY, str(PORT), USER, WORD) as asked:
        yield Asking(asked)


def url(scheme: str, word: str = "p%40ss%3Aword", port: int = PORT) -> str:
    return f"{scheme}://{USER}:{word}@{PROXY}:{port}"


async def through(watching: Sequence[Asked], proxy: Asking, wanted: set[Way]) -> tuple[Contacts, dict[Way, set[str]]]:
    """Wait until the proxy was asked by all these ways; what was contacted around it, and what it was asked for."""

    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        told = set(await proxy.told())
        if told >= wanted or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.2)
    assert told >= wanted
    return await settled(watching), await proxy.told()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "http"])
async def test_all_goes_through_the_proxy_and_nothing_around_it(internet: Internet, scheme: str) -> None:
    told = {"settings": {"proxy": url(scheme)}, **everything()}
    async with (
        a_proxy(internet) as proxy,
        probing(internet.inside, internet.folder / "p", told, internet.trusting),
    ):
        wanted = TCP_WAYS | ({Way.HTTP_TRACKER, Way.WEB_SEED, Way.WEB_SEED_REDIRECT} if scheme == "socks5" else set())
        seen, asked = await through(internet.watching, proxy, wanted)
        said = await proxy.said()
    assert set(seen) == {("tcp", PROXY, PORT), LOOK_UP}
    for address in (INSIDE, INSIDE6):
        assert address.encode() not in said
        assert ipaddress.ip_address(address).packed not in said
    assert not set(asked) & {Way.UDP_TRACKER, Way.UDP_TRACKER_PEERS, Way.DHT_BOOTSTRAP, Way.DHT_NODE, Way.DHT_VALUE}
    if scheme == "socks5":  # names become addresses here, before the filter
        assert all(is_public(host) for hosts in asked.values() for host in hosts)
    else:  # what a torrent or a peer spells out is refused here; names and redirects are the proxy's to judge
        assert not [host for way in set(asked) - REDIRECTS for host in asked[way] if points_inside(host)]


@pytest.mark.faults
@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_while_the_proxy_is_away_nothing_goes_another_way(internet: Internet, scheme: str) -> None:
    told = {"settings": {"proxy": url(scheme, port=PORT + 1)}, **everything()}
    async with probing(internet.inside, internet.folder / "p", told, internet.trusting):
        contact = ("tcp", PROXY, PORT + 1)
        await until(internet.watching, lambda contacts: contacts[contact] >= 5)
        seen = await settled(internet.watching)
    assert set(seen) - {LOOK_UP} == {contact}


@pytest.mark.faults
@pytest.mark.parametrize("scheme", ["socks5", "http"])
async def test_a_proxy_that_refuses_the_password_is_not_gone_around(internet: Internet, scheme: str) -> None:
    told = {"settings": {"proxy": url(scheme, word="wrong")}, **everything()}
    async with a_proxy(internet) as proxy, probing(internet.inside, internet.folder / "p", told, internet.trusting):
        await until(internet.watching, lambda contacts: contacts["tcp", PROXY, PORT] >= 5)
        seen = await settled(internet.watching)
        assert await proxy.refused() >= 5
        assert await proxy.told() == {}
    assert set(seen) - {LOOK_UP} == {("tcp", PROXY, PORT)}
