"""`kill -9` of every service in turn during one transfer, with RadosGW as S3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World, running

VICTIMS: Final = ("gateway", "auth", "billing", "admin", "jobs", "agent-1", "postgres", "nats")
SLOW: Final = 256 * 1024  # bytes a second: the transfer lasts longer than all the killing

pytestmark = pytest.mark.radosgw


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A stack whose S3 is RadosGW."""
    async with running(s3="radosgw") as world:
        yield world


async def test_every_service_is_killed_in_turn(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """Each is restarted by its launcher, each time the job is still on its way, and in the end its bytes are right."""
    stack = world.stack
    made = await sample(files={"large.bin": 17 * MIB, "ünï/small.bin": 100_000, "empty": 0})
    await swarm.seed(made, rate=SLOW)
    job = await world.ann.submit(swarm.magnet(made))
    await world.ann.until(job, "downloading")
    for victim in VICTIMS:
        restarts = stack.restarts(victim)
        await world.ann.until(job, "queued", "resolving", "downloading", "storing")
        stack.kill(victim)
        await stack.wait_ready(victim)
        assert stack.restarts(victim) == restarts + 1
    await world.ann.until(job, "queued", "resolving", "downloading", "storing")
    await swarm.seed(made)
    await world.ann.has(await world.ann.completed(job), made)
    await world.sound(timeout=30)
    await world.ann.delete(job)
    await world.sound(timeout=30)
    assert {name: stack.restarts(name) for name in VICTIMS} == dict.fromkeys(VICTIMS, 1)
