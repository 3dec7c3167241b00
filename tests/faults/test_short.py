"""Rows 1, 2, 5, 7, 8 and 13 of the fault matrix, on real processes, with rclone as S3; the long forms are in `long`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import LEASE_SECONDS, MIB, SWEEP_SECONDS, World, running
from tests.faults.deleting import begun, delete, has_read, nothing_left
from tests.faults.looking import agents_ended, end_of, epochs, holder, stored_at, wipe
from tests.faults.submitting import accepted, held_feed, one_job_each, source_of, submit_until
from tseeder_cli.client import Client
from tseeder_cli.errors import CliError

# Agents look for work only when a bell rings: what the sweep rings must be enough.
ONLY_BELLS = {"agent": {"TSEEDER_AGENT_CLAIM_SECONDS": "3600"}}


@pytest.fixture(scope="module")
async def module_world() -> AsyncIterator[World]:
    """A stack with two agents."""
    async with running(agents=2, env=ONLY_BELLS) as world:
        yield world


@pytest.fixture
async def world(module_world: World) -> AsyncIterator[World]:
    """The module's stack; the invariants hold after the test."""
    yield module_world
    await module_world.sound(timeout=60)
    await module_world.cleared()


# --- row 1: an agent dies


async def test_a_dead_agents_transfer_is_taken_over(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """It stays dead: the other agent goes on when the lease has run out, with what S3 holds."""
    made = await sample(files={"a.bin": 24 * MIB, "b.bin": 100_000})
    await swarm.seed(made, rate=4 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await world.ann.fetched(job, 0.5)
    dead = await holder(world, job)
    world.stack.kill(dead)
    await world.stack.stop(dead)
    killed_at = time.monotonic()
    try:
        await swarm.seed(made)

        async def taken_over() -> bool:
            return await holder(world, job) != dead

        await wait_for(taken_over, "another agent has the lease", timeout=LEASE_SECONDS + 15)
        assert time.monotonic() - killed_at >= 1, "nobody may have it before it has run out"
        await world.ann.has(await world.ann.completed(job), made)
        assert await epochs(world, job) == [1, 2]
    finally:
        await world.stack.start(dead)


async def test_an_agent_that_dies_is_restarted(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """Its new boot gives the old one's leases back, if they have not run out by then; either agent goes on."""
    made = await sample(files={"a.bin": 16 * MIB})
    await swarm.seed(made, rate=4 * MIB)
    job = await world.ann.submit(swarm.magnet(made))
    await world.ann.fetched(job, 0.3)
    killed = await holder(world, job)
    before = world.stack.restarts(killed)
    world.stack.kill(killed)
    await swarm.seed(made)
    await world.stack.wait_ready(killed)
    assert world.stack.restarts(killed) == before + 1
    await world.ann.has(await world.ann.completed(job), made)
    first, *later = await epochs(world, job)
    assert first == 1
    assert later in ([2], [3]), "giving back is an epoch of its own"


# --- row 2: an agent freezes past its lease


async def test_an_agent_that_was_frozen_finds_its_lease_gone(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """Another one has stored everything by then, and nothing of it changes. (A late PUT of a whole file lands under a
    key that is deleted again minutes later: the long form has one.)"""
    made = await sample(files={"a.bin": 24 * MIB, "b.bin": 6 * MIB})
    await swarm.seed(made, rate=4 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await world.ann.fetched(job, 0.3)
    frozen = await holder(world, job)
    world.stack.kill(frozen, signal.SIGSTOP)
    try:
        await swarm.seed(made)
        await world.ann.has(await world.ann.completed(job), made)
        before = await stored_at(world)
    finally:
        world.stack.kill(frozen, signal.SIGCONT)

    async def given_up() -> bool:
        return "lost" in await agents_ended(world, frozen, job)

    await wait_for(given_up, "the agent knows that it lost its lease")
    assert await epochs(world, job) == [1, 2]
    assert await stored_at(world) == before


# --- row 5: the gateway dies around COMMIT


async def test_a_gateway_that_dies_while_jobs_are_accepted(world: World) -> None:
    """Submits at all stages, some answered, some cut off. Every one is repeated under its key: each is one job."""
    keys = [str(uuid4()) for _ in range(40)]
    first: dict[str, str] = {}

    async def submit(client: Client, key: str) -> None:
        try:
            job, _ = await client.submit(source_of(key), name=key, key=key)
        except CliError:
            return
        first[key] = job["job_id"]
        world.log.accepted.add(UUID(job["job_id"]))

    async def answered() -> bool:
        return bool(first)

    async with Client(world.stack.gateway_url, world.ann.key, tries=1) as client:
        under_way = []
        for number, key in enumerate(keys):
            under_way.append(asyncio.create_task(submit(client, key)))
            await asyncio.sleep(0.005)
            if number == len(keys) // 2:
                await wait_for(answered, "one is answered")
                world.stack.kill("gateway")
        await asyncio.gather(*under_way)
    assert 0 < len(first) < len(keys)
    await world.stack.wait_ready("gateway")
    await one_job_each(world.ann, keys, first)


async def test_a_gateway_that_dies_while_a_submit_is_about_to_commit(world: World) -> None:
    """The submit waits inside of its transaction when its gateway dies."""
    key = str(uuid4())
    async with held_feed(world), Client(world.stack.gateway_url, world.ann.key, tries=1) as client:
        submit = asyncio.create_task(client.submit(source_of(key), name=key, key=key))

        async def waits() -> bool:
            return await world.count("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0

        await wait_for(waits, "the submit waits for its last row")
        world.stack.kill("gateway")
        with pytest.raises(CliError):
            await submit
    await world.stack.wait_ready("gateway")
    await one_job_each(world.ann, [key], {})


# --- row 7: NATS is wiped


async def test_nats_is_wiped(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """What ran goes on, what was accepted meanwhile starts when NATS is back, and watchers see the end."""
    running_one, queued_one = await sample(16 * MIB), await sample(1 * MIB)
    await swarm.seed(running_one, rate=4 * MIB)
    await swarm.seed(queued_one)
    first = await world.ann.submit(swarm.torrent(running_one))
    await world.ann.fetched(first, 0.2)
    watching = asyncio.create_task(end_of(world.ann, first))
    await world.stack.stop("nats")
    second = await world.ben.submit(swarm.torrent(queued_one))
    await asyncio.to_thread(wipe, world.stack.options.state / "nats")
    await world.stack.start("nats")
    await world.ben.until(second, "downloading", "storing", "completed", timeout=SWEEP_SECONDS + 5)
    await world.ben.has(await world.ben.completed(second), queued_one)
    await world.ann.has(await world.ann.completed(first), running_one)
    assert await watching == "completed"


# --- row 8: Postgres dies


async def test_postgres_dies(world: World, swarm: Swarm, sample: MakeSample) -> None:
    """No job that was acknowledged is lost, and no service has to be restarted."""
    made = await sample(24 * MIB)
    await swarm.seed(made, rate=4 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await world.ann.fetched(job, 0.2)
    services = {name: world.stack.pid(name) for name in world.stack.service_names}
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:  # a submit that is refused for good ends the test at once
        submitting = group.create_task(submit_until(world.ben, stop))
        await accepted(world, 3)
        world.stack.kill("postgres")
        await world.stack.wait_ready("postgres")
        await swarm.seed(made)
        await accepted(world, 3)
        stop.set()
    jobs = [one async for one in world.ben.client.all_jobs()]
    assert sorted(one["name"] for one in jobs) == sorted(submitting.result()), "one job for each key"
    await world.ann.has(await world.ann.completed(job), made)
    assert {name: world.stack.pid(name) for name in world.stack.service_names} == services


# --- row 13: a delete races an upload and a reader


@pytest.mark.parametrize("whole_job", [True, pytest.param(False, marks=pytest.mark.faults)], ids=["job", "file"])
async def test_a_delete_meets_an_upload_and_a_reader(
    world: World, swarm: Swarm, sample: MakeSample, whole_job: bool
) -> None:
    """One reader while parts go up, one of what is stored. Each gets right bytes, and all of them or a visible cut."""
    made = await sample(12 * MIB)
    await swarm.seed(made, rate=6 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    early, reading = await begun(world.ann, job, made)
    await has_read(early, reading, 0.5)
    await delete(early, job, whole_job=whole_job)
    await reading
    await nothing_left(world)
    await swarm.seed(made)
    job = await world.ann.completed(await world.ann.submit(swarm.torrent(made)))
    late, reading = await begun(world.ann, job, made)
    late.held.clear()
    await has_read(late, reading, 0)
    await delete(late, job, whole_job=whole_job)
    late.held.set()
    await reading
    await nothing_left(world)
