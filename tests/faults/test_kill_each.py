"""`kill -9` of every service in turn during one transfer, with RadosGW as S3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World, running

VICTIMS: Final = ("gateway", "auth", "billing", "admin", "jobs", "agent-1", "postgres", "nats")
SLOW: Final = 3 * MIB // 2  # bytes a second: parts go up all the while
LAST: Final = "last.bin"

pytestmark = pytest.mark.radosgw


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A stack whose S3 is RadosGW."""
    async with running(s3="radosgw") as world:
        yield world


async def test_every_service_is_killed_in_turn(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """Each is restarted by its launcher, each time the job is still on its way, and in the end its bytes are right."""
    stack = world.stack
    small = {f"ünï/{number:02}.bin": 300_000 for number in range(20)}
    made = await sample(files={**small, "large.bin": 11 * MIB, "empty": 0, LAST: 6 * MIB})
    await swarm.seed(made, rate=SLOW, root=await swarm.without(made, LAST))
    job = await world.ann.submit(swarm.magnet(made))
    await world.ann.until(job, "downloading")
    for victim in VICTIMS:
        restarts = stack.restarts(victim)
        await world.ann.until(job, "queued", "resolving", "downloading", "storing")
        stack.kill(victim)
        await stack.wait_ready(victim)
        assert stack.restarts(victim) == restarts + 1
    await world.ann.until(job, "queued", "resolving", "downloading", "storing")
    await swarm.seed(made)  # only now somebody has the last file
    await world.ann.has(await world.ann.completed(job), made)
    await world.sound(timeout=60)
    await world.ann.delete(job)
    await world.sound(timeout=60)
    assert {name: stack.restarts(name) for name in VICTIMS} == dict.fromkeys(VICTIMS, 1)
