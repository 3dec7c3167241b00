"""Rows 5 to 8: the gateway, jobs, NATS and Postgres die."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID, uuid4

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, SWEEP_SECONDS, World
from tests.faults.long.ground import AGENTS, Ground, chance, whole
from tests.faults.long.modes import KEY
from tests.faults.long.report import Row
from tests.faults.looking import end_of, epochs, holder, wipe
from tests.faults.submitting import accepted, one_job_each, source_of, submit_until
from tseeder_cli.client import Client
from tseeder_cli.errors import ApiError, CliError

ROUNDS = 8
SUBMITS = 8  # of each round, all begun within the time that one takes


@pytest.mark.timeout(480)
@KEY
async def test_row5_the_gateway_dies_around_commit(ground: Ground, world: World, row: Row) -> None:
    """At random points of submits. Each is repeated under its key until it is answered: one job."""
    rng, seed = chance()
    first: dict[str, str] = {}
    keys: list[str] = []

    async def submit(client: Client, key: str, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            job, _ = await client.submit(source_of(key), name=key, key=key)
        except CliError:
            return
        first[key] = job["job_id"]
        world.log.accepted.add(UUID(job["job_id"]))

    for _ in range(ROUNDS):
        fresh = [str(uuid4()) for _ in range(SUBMITS)]
        keys += fresh
        async with Client(world.stack.gateway_url, world.ann.key, tries=1) as client, asyncio.TaskGroup() as group:
            await client.me()  # connected, and known to the gateway
            keys.append(str(uuid4()))
            began = time.monotonic()
            await submit(client, keys[-1], 0)
            usual = time.monotonic() - began
            for key in fresh:
                group.create_task(submit(client, key, rng.uniform(0, usual)))
            await asyncio.sleep(rng.uniform(0.5, 4) * usual)  # they hold each other up
            world.stack.kill("gateway")
        await world.stack.stop("gateway")
        await world.stack.start("gateway")
    there = await world.count("SELECT count(*) FROM jobs WHERE name = ANY($1::text[])", keys)
    row.mode = ground.mode
    row.done = f"{ROUNDS} kills, {len(keys)} submits: {len(first)} answered, {there} committed, FAULT_SEED={seed}"
    assert len(first) < len(keys)
    await one_job_each(world.ann, keys, first)


@pytest.mark.timeout(480)
@KEY
async def test_row6_jobs_dies_for_a_while(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """For two leases (FAULT_OUTAGE_SECONDS). Who ran a transfer runs it on, under the same epoch; what was queued is
    claimed once."""
    outage = whole("FAULT_OUTAGE_SECONDS", 12)
    row.mode, row.done = ground.mode, f"all of jobs killed, and away for {outage} s"
    samples = [await sample(files={"a.bin": 23 * MIB, "b.bin": 6 * MIB, "small": 100_000}) for _ in range(3)]
    for made in samples:
        await swarm.seed(made, rate=2 * MIB)
    jobs = [await world.ann.submit(swarm.torrent(made)) for made in samples]
    for job in jobs:
        await holder(world, job)
    await ground.holds(2)
    pids = {agent: world.stack.pid(agent) for agent in AGENTS}
    world.stack.kill("jobs")
    await world.stack.stop("jobs")
    died_at = time.monotonic()
    with pytest.raises(ApiError) as refused:
        async with Client(world.stack.gateway_url, world.ben.key, tries=1) as client:
            await client.submit(swarm.torrent(samples[0]))
    assert (refused.value.status, refused.value.code) == (503, "service_unavailable")

    async def over() -> bool:
        return time.monotonic() - died_at >= outage

    await wait_for(over, "the outage is over", timeout=outage + 60)
    await world.stack.start("jobs")
    for made in samples:
        await swarm.seed(made)
    for job, made in zip(jobs, samples, strict=True):
        await world.ann.has(await world.ann.completed(job), made)
        assert await epochs(world, job) == [1], "claimed once"
    assert {agent: world.stack.pid(agent) for agent in AGENTS} == pids
    row.again = ground.sent_again()
    assert row.again == 0


@KEY
async def test_row7_nats_is_wiped(ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row) -> None:
    """Again and again while a transfer runs. What was accepted meanwhile starts when it is back: agents look for work
    only when it rings."""
    row.mode, row.done = ground.mode, "3 x stopped, all its data deleted, started"
    long_one = await sample(files={"a.bin": 40 * MIB, "small": 100_000})
    await swarm.seed(long_one, rate=2 * MIB)
    first = await world.ann.submit(swarm.torrent(long_one))
    await ground.holds(1)
    watching = asyncio.create_task(end_of(world.ann, first))
    for _ in range(3):
        queued = await sample(files={"a.bin": 6 * MIB, "small": 100_000})
        await swarm.seed(queued)
        world.stack.kill("nats")
        await world.stack.stop("nats")
        second = await world.ben.submit(swarm.torrent(queued))
        await asyncio.to_thread(wipe, world.stack.options.state / "nats")
        await world.stack.start("nats")
        began = time.monotonic()
        await world.ben.until(second, "downloading", "storing", "completed", timeout=SWEEP_SECONDS + 5)
        row.takeovers.append(time.monotonic() - began)
        await world.ben.has(await world.ben.completed(second), queued)
    await swarm.seed(long_one)
    await world.ann.has(await world.ann.completed(first), long_one)
    assert await watching == "completed"
    assert await epochs(world, first) == [1]
    row.again = ground.sent_again()
    assert row.again == 0


@pytest.mark.timeout(480)
@KEY
async def test_row8_postgres_dies(ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row) -> None:
    """While jobs are submitted one after the other, and one is fetched. No job that was acknowledged is lost."""
    rng, seed = chance()
    made = await sample(files={"a.bin": 40 * MIB, "small": 100_000})
    await swarm.seed(made, rate=2 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await ground.holds(1)
    services = {name: world.stack.pid(name) for name in world.stack.service_names}
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:  # a submit that is refused for good ends the test at once
        submitting = group.create_task(submit_until(world.ben, stop))
        for _ in range(3):
            await accepted(world, rng.randrange(1, 6))
            await asyncio.sleep(rng.uniform(0, 0.1))
            world.stack.kill("postgres")
            await world.stack.wait_ready("postgres")
        await accepted(world, 3)
        stop.set()
    await swarm.seed(made)
    jobs = [one async for one in world.ben.client.all_jobs()]
    assert sorted(one["name"] for one in jobs) == sorted(submitting.result()), "one job for each key"
    row.mode, row.done = ground.mode, f"3 kills under {len(jobs)} submits, acknowledged and lost: 0, FAULT_SEED={seed}"
    await world.ann.has(await world.ann.completed(job), made)
    assert {name: world.stack.pid(name) for name in world.stack.service_names} == services
    row.again = ground.sent_again()
    assert row.again == 0
