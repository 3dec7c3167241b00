"""Rings reach listeners, and an outage costs messages but never a caller."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tseeder_bus import Bus, Messages, connect
from tseeder_bus import bus as bus_module
from tseeder_kit.errors import AppError
from tseeder_stack import backing
from tseeder_stack.options import StackOptions
from tseeder_stack.site import Site


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with connect(nats_url, name="test") as bus:
        await until(bus, connected=True)
        yield bus


@pytest.fixture
async def own_site(state: Path) -> AsyncIterator[Site]:
    async with Site(StackOptions(state=state)) as site:
        yield site


async def until(bus: Bus, *, connected: bool) -> None:
    async with asyncio.timeout(30):
        while bus.connected != connected:  # noqa: ASYNC110 - the connection is another process's doing
            await asyncio.sleep(0.01)


async def next_data(messages: Messages) -> bytes:
    return (await asyncio.wait_for(anext(messages), 10)).data


async def ring_until_heard(bus: Bus, messages: Messages, subject: str) -> None:
    """Rings, as a sweep does, until one ring comes through."""
    heard = asyncio.create_task(next_data(messages))
    async with asyncio.timeout(30):
        while not heard.done():
            await bus.ring(subject, b"again")
            await asyncio.wait({heard}, timeout=0.02)
    assert await heard == b"again"


def rings(outcome: str) -> float:
    return REGISTRY.get_sample_value("tseeder_bus_rings_total", {"outcome": outcome}) or 0.0


async def test_a_ring_reaches_a_listener_that_stands(bus: Bus) -> None:
    async with bus.listen("test.one") as messages:
        await bus.ring("test.one", b"payload")
        await bus.ring("test.one")
        first = await asyncio.wait_for(anext(messages), 10)
        assert (first.subject, first.data) == ("test.one", b"payload")
        assert await next_data(messages) == b""


async def test_wildcards(bus: Bus) -> None:
    async with bus.listen("test.*.changed") as one, bus.listen("test.>") as rest:
        await bus.ring("test.a.changed", b"1")
        await bus.ring("test.a.b.changed", b"2")
        assert [await next_data(rest), await next_data(rest)] == [b"1", b"2"]
        assert await next_data(one) == b"1"


async def test_a_listener_that_left_gets_nothing_and_others_still_do(bus: Bus) -> None:
    async with bus.listen("test.stay") as stays:
        async with bus.listen("test.stay") as left:
            pass
        await bus.ring("test.stay", b"x")
        assert await next_data(stays) == b"x"
        assert [each async for each in left] == []


async def test_a_slow_listener_keeps_the_newest(bus: Bus) -> None:
    async with bus.listen("test.slow", max_pending=3) as slow, bus.listen("test.slow") as quick:
        for n in range(10):
            await bus.ring("test.slow", str(n).encode())
        for n in range(10):
            assert await next_data(quick) == str(n).encode()
        async with asyncio.timeout(10):
            while slow.dropped < 7:  # noqa: ASYNC110 - its own reader task has to have run
                await asyncio.sleep(0)
        assert [await next_data(slow) for _ in range(3)] == [b"7", b"8", b"9"]


@pytest.mark.parametrize(("subject", "size"), [("", 0), ("a b", 0), ("a\r\nPUB x 0", 0), ("test.big", 3_000_000)])
async def test_what_nats_would_never_take_is_the_callers_mistake(bus: Bus, subject: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"no subject|more than NATS takes"):
        await bus.ring(subject, b"x" * size)
    await bus.ping()


async def test_a_wrong_subject_to_listen_to_is_the_callers_mistake(bus: Bus) -> None:
    with pytest.raises(ValueError, match="no subject"):
        async with bus.listen("a..b"):
            pass


async def test_all_works_without_nats_and_begins_once_it_is_there(own_site: Site) -> None:
    url = await backing.start_nats(own_site)
    await own_site.child("nats").stop()
    async with connect(url, name="test") as bus:
        assert not bus.connected
        with pytest.raises(AppError) as caught:
            await bus.ping()
        assert caught.value.code == "bus_unavailable"
        with pytest.raises(ValueError, match="no subject"):
            await bus.ring("a b")
        before = rings("dropped")
        await bus.ring("test.early", b"lost")
        assert rings("dropped") == before + 1
        async with bus.listen("test.early") as messages:
            await own_site.child("nats").start(30)
            await until(bus, connected=True)
            await bus.ping()
            await ring_until_heard(bus, messages, "test.early")


async def test_listeners_outlive_a_nats_that_is_killed_and_wiped(own_site: Site) -> None:
    url = await backing.start_nats(own_site)
    async with connect(url, name="test") as bus, connect(url, name="other") as other:
        async with bus.listen("test.wiped") as messages:
            await until(other, connected=True)
            await ring_until_heard(other, messages, "test.wiped")
            for _ in range(2):
                await own_site.child("nats").stop()
                await until(bus, connected=False)
                await other.ring("test.wiped", b"lost")
                shutil.rmtree(own_site.state / "nats" / "jetstream", ignore_errors=True)
                await own_site.child("nats").start(30)
                await ring_until_heard(other, messages, "test.wiped")


async def test_a_frozen_nats_blocks_no_ring_and_is_left(own_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "KEEPALIVE_SECONDS", 1)
    url = await backing.start_nats(own_site)
    async with connect(url, name="test") as bus:
        await until(bus, connected=True)
        own_site.child("nats").kill(signal.SIGSTOP)
        before = rings("dropped")
        async with asyncio.timeout(5):
            for _ in range(200):
                await bus.ring("test.frozen", b"x" * 100_000)
        assert rings("dropped") > before
        with pytest.raises(AppError):
            await bus.ping()
        await until(bus, connected=False)
        own_site.child("nats").kill(signal.SIGCONT)
        await until(bus, connected=True)
        await bus.ping()


async def test_a_wrong_password_is_an_outage_not_a_crash(nats_url: str) -> None:
    wrong = nats_url.replace("@", "x@")
    async with connect(wrong, name="test") as bus:
        with pytest.raises(AppError):
            await bus.ping()
        await bus.ring("test.denied")


async def test_five_hundred_listeners_come_and_go(bus: Bus) -> None:
    async def one(n: int) -> bytes:
        async with bus.listen(f"test.many.{n}") as messages:
            await bus.ring(f"test.many.{n}", str(n).encode())
            return await next_data(messages)

    assert await asyncio.gather(*(one(n) for n in range(500))) == [str(n).encode() for n in range(500)]
