"""Rows 1 to 3: agents that die, freeze, and are cut off from jobs."""

from __future__ import annotations

import signal
import time
from datetime import datetime

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World
from tests.faults.long.ground import (
    JOBS,
    PART_BYTES,
    SELF_STOP_SECONDS,
    TAKEN_OVER_SECONDS,
    Ground,
    chance,
    whole,
)
from tests.faults.long.modes import BOTH, KEY
from tests.faults.long.report import Row
from tests.faults.looking import agents_ended, epochs, holder, lease, stored_at
from tseeder_cli.wire import Job
from tseeder_testkit.s3_faults import Held

FETCHED_SECONDS = 80  # how long the killed agents' seeder takes for the whole torrent
LAST_KILL = 0.9  # share of the torrent


@pytest.mark.timeout(1200)
@BOTH
async def test_row1_agents_are_killed_at_random_points(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """Some come back at once, some when another has taken over. What S3 holds is not sent again."""
    total = whole("FAULT_MIB", 256) * MIB // (8 if ground.presigned else 1)
    kills = whole("FAULT_KILLS", 20) // (4 if ground.presigned else 1)
    rng, seed = chance()
    row.mode = ground.mode
    row.done = f"{kills} kills over {total // MIB} MiB, FAULT_SEED={seed}"
    made = await sample(
        files={"large.bin": total - 13 * MIB, "other.bin": 13 * MIB, "small": 300_000}, piece_length=MIB
    )
    await swarm.seed(made, rate=max(total // FETCHED_SECONDS, 2 * MIB))
    job = await world.ann.submit(swarm.torrent(made))
    parts = sum(-(-file.size // PART_BYTES) for file in made.files if file.size > PART_BYTES)
    for point in sorted(rng.uniform(0.02, LAST_KILL) for _ in range(kills)):
        await ground.holds(int(point * parts), timeout=300)
        stays_dead = rng.random() < 0.3
        row.takeovers.append(await _killed(ground, job, stays_dead=stays_dead))
    await swarm.seed(made)
    await world.ann.has(await world.ann.completed(job, timeout=300), made, every=len(made.files))
    row.again = ground.sent_again(untold=True)
    assert row.again == 0
    assert max(row.takeovers) <= TAKEN_OVER_SECONDS
    assert ground.held() == parts, "all of them by the same uploads"
    assert ground.storage[JOBS].seen["CreateMultipartUpload"] == 2


async def _killed(ground: Ground, job: Job, *, stays_dead: bool) -> float:
    """Kill the agent that has the job; how long it takes until one has it again. In the end both run."""
    stack = ground.world.stack

    async def held() -> tuple[str, int] | None:
        return await lease(ground.world, job)

    victim, epoch = await wait_for(held, "an agent has the lease", timeout=TAKEN_OVER_SECONDS)
    stack.kill(victim)
    killed_at = time.monotonic()
    await stack.stop(victim)  # the launcher's pauses between restarts are not what is tested
    if not stays_dead:
        await stack.start(victim, wait=False)
    successor = await ground.until_later(job, epoch)
    took = time.monotonic() - killed_at
    if stays_dead:
        assert successor == ground.others(victim)
        await stack.start(victim, wait=False)
    return took


@BOTH
async def test_row2_a_frozen_agents_lease_is_given_away(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """With a write of its own under way, which reaches S3 only after another agent has the lease: once while that one
    works, once when it has finished."""
    row.mode, row.done = ground.mode, "SIGSTOP, SIGCONT with a late write; while the successor works, and after it"
    made = await sample(files={"a.bin": 48 * MIB, "b.bin": 11 * MIB, "small": 100_000})
    await swarm.seed(made, rate=3 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await ground.holds(1)
    first, _ = await _frozen(ground, job, row)
    await _thawed(ground, first)
    await _knows(world, first, job)
    second, _ = await _frozen(ground, job, row)
    await swarm.seed(made)
    await world.ann.has(await world.ann.completed(job), made)
    before = await stored_at(world)
    await _thawed(ground, second)
    await _knows(world, second, job)
    assert await epochs(world, job) == [1, 2, 3]
    assert before <= await stored_at(world), "a late PUT of a whole file may be there too, and is swept"


async def _frozen(ground: Ground, job: Job, row: Row) -> tuple[str, int]:
    """Stop the job's agent while a write of it is held up, until another has the lease."""
    victim = await holder(ground.world, job)
    _, epoch = await lease(ground.world, job) or ("", 0)
    await _held_up(ground, victim)
    ground.world.stack.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    try:
        await ground.until_later(job, epoch)
    except BaseException:
        ground.world.stack.kill(victim, signal.SIGCONT)
        raise
    row.takeovers.append(time.monotonic() - began)
    return victim, epoch


async def _held_up(ground: Ground, agent: str) -> None:
    """Hold up the agent's next write."""
    to_s3 = ground.storage[agent]
    struck = to_s3.struck["UploadPart"]
    to_s3.fail(Held(), "UploadPart", times=1)

    async def under_way() -> bool:
        return to_s3.struck["UploadPart"] > struck

    await wait_for(under_way, "a write is held up")


async def _thawed(ground: Ground, agent: str) -> None:
    """Let it go on, and its write, too."""
    ground.storage[agent].heal()
    ground.world.stack.kill(agent, signal.SIGCONT)


async def _knows(world: World, agent: str, job: Job) -> None:
    """Wait until the agent says that it has lost the job's transfer."""

    async def given_up() -> bool:
        return "lost" in await agents_ended(world, agent, job)

    await wait_for(given_up, f"{agent} knows that it lost its lease")


@KEY
async def test_row3_an_agent_is_cut_off_from_jobs(
    ground: Ground, world: World, swarm: Swarm, sample: MakeSample, row: Row
) -> None:
    """It can write to S3 all the while, and does not: by S3's own times, nothing of it is under way any more when its
    lease is given away."""
    row.mode = ground.mode
    made = await sample(files={"a.bin": 48 * MIB, "b.bin": 11 * MIB})
    await swarm.seed(made, rate=3 * MIB)
    job = await world.ann.submit(swarm.torrent(made))
    await ground.holds(1)
    cut_off = await holder(world, job)
    to_s3 = ground.storage[cut_off]
    await _held_up(ground, cut_off)  # this write would last
    ground.lines[cut_off].hang()
    cut_at = time.time()
    assert await ground.until_later(job, 1) == ground.others(cut_off)
    claimed_at = await _claimed(world, job, 2)
    row.takeovers.append(claimed_at - cut_at)
    late = [each for each in to_s3.log if each.ended is None or each.ended >= claimed_at]
    assert not late, "it wrote when its lease was another's"
    stopped_at = max(each.ended or 0.0 for each in to_s3.log)
    row.done = f"cut off; last write ended after {stopped_at - cut_at:.1f} s, stop is due after {SELF_STOP_SECONDS:g} s"
    assert stopped_at <= cut_at + SELF_STOP_SECONDS + 1, "it did not stop by itself"
    await swarm.seed(made)
    await world.ann.has(await world.ann.completed(job), made)
    before, writes = await stored_at(world), len(to_s3.log)
    ground.heal()
    await _knows(world, cut_off, job)
    assert len(to_s3.log) == writes
    assert await stored_at(world) == before
    assert await epochs(world, job) == [1, 2]
    row.again = ground.sent_again()


async def _claimed(world: World, job: Job, epoch: int) -> float:
    """When the job's transfer was given to an agent under this epoch, in seconds since 1970."""
    rows = await world.fetch(
        "SELECT started_at FROM attempts a JOIN jobs USING (transfer_id) WHERE job_id = $1::uuid AND a.epoch = $2",
        job["job_id"],
        epoch,
    )
    started = rows[0][0]
    assert isinstance(started, datetime)
    return started.timestamp()
