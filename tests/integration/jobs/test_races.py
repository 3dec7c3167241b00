"""Users of one torrent who come, go, pause and choose at the very moment when it ends, fails, is absorbed, is stored or
is purged. Each race is run in both orders; afterwards the invariants hold, nobody's job was touched by another's verb,
and whoever still wants it gets the right bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from tests.faults.invariants import violations
from tests.integration.jobs.barriers import Call, barrier, meet
from tests.integration.jobs.conftest import MakeSample, NewWorld
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, World, eventually, running
from tseeder.jobs.v1 import agents_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError
from tseeder_testkit.torrents import Sample

QUEUED, COMPLETED = model.JOB_STATE_QUEUED, model.JOB_STATE_COMPLETED
FAILED, CANCELLED, PAUSED = model.JOB_STATE_FAILED, model.JOB_STATE_CANCELLED, model.JOB_STATE_PAUSED
Wish: TypeAlias = tuple[User, model.Job]

both_orders = pytest.mark.parametrize("swapped", [False, True], ids=["first-first", "second-first"])


@dataclass
class Ground:
    """A service without sweeps of its own accord, an agent that is played, and what the objects must hold."""

    jobs: Service
    played: Agent
    contents: dict[tuple[UUID, int], str] = field(default_factory=dict)

    async def race(self, job: model.Job, first: Call, second: Call, *, swapped: bool) -> tuple[Any, Any]:
        """What the two answered; they meet at the row of this job's torrent."""
        torrent = await self.torrent_of(job)
        if swapped:
            two, one = await meet(self.jobs, torrent, second, first)
        else:
            one, two = await meet(self.jobs, torrent, first, second)
        return one, two

    async def torrent_of(self, job: model.Job) -> Any:
        """The id of the torrent that a job is about now."""
        return await self.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1::text::uuid", job.job_id)

    def forget(self, job: model.Job) -> None:
        """It is to be deleted."""
        self.contents = {key: value for key, value in self.contents.items() if str(key[0]) != job.job_id}

    async def complete(self, torrent: Sample, *wishes: Wish, lease: agents_pb2.LeaseRef | None = None) -> None:
        """The agent works (on the lease that it has, as long as that is its own) until these jobs are completed."""
        if lease is not None:
            await self._work(lease, torrent)
        deadline = time.monotonic() + 30
        while not all([(await user.job(job)).state == COMPLETED for user, job in wishes]):
            assert time.monotonic() < deadline, [await user.job(job) for user, job in wishes]
            for claimed in await self.played.claim():
                await self._work(claimed.lease, torrent)
        for user, job in wishes:
            await self._remember(user, job, torrent)
        assert await violations(self.jobs.world.database.urls["jobs"]) == []

    async def _work(self, lease: agents_pb2.LeaseRef, torrent: Sample) -> None:
        try:
            while True:
                described = await self.played.describe(lease)
                if not described.header.metadata_known:
                    if not (await self.played.submit_metadata(lease, torrent.info)).proceed:
                        return
                    continue
                await self.played.store(lease, torrent)
                if await self.played.finish(lease, described.header.wanted_version):
                    return
        except AppError as exc:
            if exc.code != "lease_lost":
                raise

    async def _remember(self, user: User, job: model.Job, torrent: Sample) -> None:
        """Its stored files have the torrent's bytes: looked at in the end, with all others."""
        for file in await user.files(job):
            if file.state == model.FILE_STATE_STORED:
                truth = next(each for each in torrent.files if each.path.split("/") == list(file.path))
                self.contents[UUID(job.job_id), file.file_index] = truth.sha256


@pytest.fixture(scope="module")
async def still_world(new_world: NewWorld) -> AsyncIterator[World]:
    async with new_world("jobs_races") as made:
        yield made


@pytest.fixture(scope="module")
async def ground(still_world: World, s3_client: Any) -> AsyncIterator[Ground]:
    """In the end, when sweeps have run, S3 holds what it must, of the right bytes, and nothing else."""
    async with running(still_world, sweep_seconds=600, lease_seconds=600, self_stop_seconds=400) as jobs:
        made = Ground(jobs, Agent(jobs, s3_client))
        await made.played.register()
        yield made
    async with running(still_world, lease_seconds=600, self_stop_seconds=400):
        await sound(still_world, made.contents)


async def sound(world: World, contents: dict[tuple[UUID, int], str]) -> None:
    """I1 to I5 hold, sooner or later."""
    found: list[str] = []

    async def nothing_wrong() -> bool:
        found[:] = await violations(world.database.urls["jobs"], world.s3, contents=contents)
        return not found

    try:
        await eventually(nothing_wrong, seconds=30)
    except TimeoutError:
        raise AssertionError("\n".join(found)) from None


@pytest.fixture
async def torrent(sample: MakeSample) -> Sample:
    """Two files."""
    return await sample(1000, 2000)


async def running_one(ground: Ground, torrent: Sample, **fields: Any) -> tuple[User, model.Job, agents_pb2.LeaseRef]:
    """A user whose job is being fetched."""
    user = ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes(), **fields)
    lease = await ground.played.claim_one()
    assert lease.transfer_id == await ground.jobs.transfer_of(job)
    return user, job, lease


def submits(user: User, torrent: Sample, **fields: Any) -> Call:
    return lambda: user.submit(torrent=torrent.torrent.read_bytes(), **fields)


async def untouched(user: User, job: model.Job, *, run: int = 1) -> None:
    """It moves, or has ended well, in its first run, and has no reason to show."""
    now = await user.job(job)
    assert now.run == run
    assert now.state not in (FAILED, CANCELLED, PAUSED)
    assert not now.HasField("reason")


@both_orders
async def test_a_join_and_the_last_cancel(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent)
    two = ground.jobs.user()
    ended, theirs = await ground.race(mine, lambda: one.cancel(mine), submits(two, torrent), swapped=swapped)
    assert ended.state == CANCELLED
    await untouched(two, theirs)
    assert (await ground.jobs.transfer_of(theirs) == lease.transfer_id) == swapped
    await ground.complete(torrent, (two, theirs), lease=lease)
    assert (await one.job(mine)).state == CANCELLED
    assert ((await one.usage()).charged_bytes, (await two.usage()).charged_bytes) == (0, 3000)


@both_orders
async def test_a_join_and_finish(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent, selection=[0])
    described = await ground.played.describe(lease)
    await ground.played.store(lease, torrent)
    two = ground.jobs.user()

    async def finish() -> bool:
        return await ground.played.finish(lease, described.header.wanted_version)

    finished, theirs = await ground.race(mine, finish, submits(two, torrent), swapped=swapped)
    assert finished is (not swapped)  # a wish that came before it is not lost
    await untouched(two, theirs)
    assert theirs.stored_files == 1
    await ground.complete(torrent, (one, mine), (two, theirs), lease=lease)
    assert (await one.job(mine)).run == 1


@both_orders
async def test_a_wider_selection_and_finish(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent, selection=[0])
    two = ground.jobs.user()
    theirs = await two.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
    described = await ground.played.describe(lease)
    await ground.played.store(lease, torrent)
    wider, finished = await ground.race(
        mine,
        lambda: one.select(mine, None),
        lambda: ground.played.finish(lease, described.header.wanted_version),
        swapped=swapped,
    )
    assert finished is swapped
    assert (wider.wanted_files, wider.run) == (2, 2)
    assert (await two.job(theirs)).state == COMPLETED
    await ground.complete(torrent, (one, mine), (two, theirs), lease=lease)
    assert (await two.job(theirs)).wanted_files == 1


@both_orders
async def test_a_join_and_the_last_object(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent)
    await ground.played.store(lease, torrent, 0)
    described = await ground.played.describe(lease)
    two = ground.jobs.user()
    stored, theirs = await ground.race(
        mine, lambda: ground.played.store(lease, torrent, 1), submits(two, torrent), swapped=swapped
    )
    assert [file.verdict for file in stored] == [agents_pb2.COMPLETE_VERDICT_STORED]
    for user, job in ((one, mine), (two, theirs)):
        assert (await user.reaches(job, COMPLETED)).run == 1
    assert described.wanted == [1]
    await ground.complete(torrent, (one, mine), (two, theirs), lease=lease)
    assert (await two.usage()).charged_bytes == 3000


@both_orders
async def test_a_join_and_the_fail_of_the_transfer(ground: Ground, torrent: Sample, swapped: bool) -> None:
    """Who joins a transfer that fails is told so, as all on it; who comes after it has one of his own."""
    one, mine, lease = await running_one(ground, torrent)
    await ground.played.store(lease, torrent, 0)
    two = ground.jobs.user()
    failed, theirs = await ground.race(mine, lambda: ground.played.fail(lease), submits(two, torrent), swapped=swapped)
    assert failed is None
    assert (await one.reaches(mine, FAILED)).reason.code == "no_peers"
    if swapped:
        assert (await two.reaches(theirs, FAILED)).reason.code == "no_peers"
        await two.retry(theirs)
    else:
        await untouched(two, theirs)
    await ground.complete(torrent, (two, theirs))
    assert (await one.job(mine)).state == FAILED
    assert (await one.retry(mine)).state == COMPLETED  # all is stored by now
    await ground.complete(torrent, (one, mine), (two, theirs))


@both_orders
async def test_a_join_and_the_delete_of_all_there_is(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent)
    await ground.complete(torrent, (one, mine), lease=lease)
    ground.forget(mine)
    two = ground.jobs.user()
    _, theirs = await ground.race(mine, lambda: one.delete(mine), submits(two, torrent), swapped=swapped)
    await untouched(two, theirs)
    assert theirs.state == (COMPLETED if swapped else QUEUED)  # what is deleted is not given to anybody
    await ground.complete(torrent, (two, theirs))
    assert ((await one.usage()).charged_bytes, (await two.usage()).charged_bytes) == (0, 3000)


@both_orders
async def test_a_join_and_the_purge(ground: Ground, still_world: World, torrent: Sample, swapped: bool) -> None:
    """The row that a submit has found may be purged before it is held: then it makes another one."""
    one, mine, lease = await running_one(ground, torrent)
    await ground.complete(torrent, (one, mine), lease=lease)
    ground.forget(mine)
    torrent_id = await ground.torrent_of(mine)
    await one.delete(mine)
    two, over = ground.jobs.user(), asyncio.Event()

    async def sweeping() -> None:
        """Another replica's sweeps delete the objects, and then purge the torrent."""
        async with running(still_world, lease_seconds=600, self_stop_seconds=400):
            await over.wait()

    async def emptied() -> bool:
        sql = """SELECT count(*) FROM objects o JOIN entries e USING (entry_id)
                 WHERE e.torrent_id = $1 AND o.state <> 'gone'"""
        return not await ground.jobs.value(sql, torrent_id)

    try:
        async with barrier(ground.jobs, torrent_id) as held:
            if swapped:
                joining = await held.start(submits(two, torrent))
            replica = asyncio.create_task(sweeping())
            await eventually(emptied)
            await held.reach(2 if swapped else 1)
            if not swapped:
                joining = await held.start(submits(two, torrent))
        theirs = await joining
        over.set()
        await replica
    finally:
        over.set()
    await untouched(two, theirs)
    assert theirs.state == QUEUED
    await ground.complete(torrent, (two, theirs))
    assert (await ground.torrent_of(theirs) == torrent_id) == swapped


@both_orders
async def test_two_cancels(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent)
    two, three = ground.jobs.user(), ground.jobs.user()
    theirs = await two.submit(torrent=torrent.torrent.read_bytes())
    ended = await ground.race(mine, lambda: one.cancel(mine), lambda: two.cancel(theirs), swapped=swapped)
    assert [job.state for job in ended] == [CANCELLED, CANCELLED]
    state = "SELECT state FROM transfers WHERE transfer_id = $1::text::uuid"
    assert await ground.jobs.value(state, lease.transfer_id) == "cancelled"
    last = await three.submit(torrent=torrent.torrent.read_bytes())
    await ground.complete(torrent, (three, last), lease=lease)
    assert (await one.usage()).reserved_bytes == (await two.usage()).reserved_bytes == 0


@both_orders
async def test_one_pauses_while_the_other_resumes(ground: Ground, torrent: Sample, swapped: bool) -> None:
    one, mine, lease = await running_one(ground, torrent)
    two = ground.jobs.user()
    theirs = await two.pause(await two.submit(torrent=torrent.torrent.read_bytes()))
    paused, resumed = await ground.race(mine, lambda: one.pause(mine), lambda: two.resume(theirs), swapped=swapped)
    assert paused.state == PAUSED
    assert resumed.state == model.JOB_STATE_DOWNLOADING
    await untouched(two, theirs)
    described = await ground.played.describe(lease)  # nobody took it away
    assert set(described.views) == {theirs.job_id}
    await ground.complete(torrent, (two, theirs), lease=lease)
    # What was stored meanwhile attached to the paused one, all of it.
    await ground.complete(torrent, (one, mine))


@both_orders
async def test_a_join_and_the_last_pause(ground: Ground, torrent: Sample, swapped: bool) -> None:
    """Also where the agent, told to park, gives the transfer back meanwhile."""
    one, mine, lease = await running_one(ground, torrent)
    described = await ground.played.describe(lease)
    await one.pause(mine)
    beat = await ground.played.beat(lease, seen=described.header.wanted_version)
    version = beat.orders[0].park.wanted_version
    two = ground.jobs.user()
    released, theirs = await ground.race(
        mine, lambda: ground.played.release(lease, wanted_version=version), submits(two, torrent), swapped=swapped
    )
    assert (isinstance(released, AppError) and released.code == "wanted_changed") == swapped
    await untouched(two, theirs)
    await ground.complete(torrent, (two, theirs), lease=lease)
    await ground.complete(torrent, (one, mine))


@pytest.mark.parametrize("verb", ["cancel", "pause", "delete"])
async def test_a_join_while_a_magnet_is_absorbed(ground: Ground, torrent: Sample, verb: str) -> None:
    """One user's magnet is being moved to the torrent that another's .torrent has verified: a third joins that, and
    the magnet's own user has enough of it, at the same moment."""
    one, two, three = (ground.jobs.user() for _ in range(3))
    mine = await one.submit(magnet=torrent.magnet())
    acts: dict[str, Call] = {
        "cancel": lambda: one.cancel(mine),
        "pause": lambda: one.pause(mine),
        "delete": lambda: one.delete(mine),
    }
    async with barrier(ground.jobs, await ground.torrent_of(mine)) as held:
        theirs = await two.submit(torrent=torrent.torrent.read_bytes())  # wakes the sweep, which waits for the row
        await held.reach(1)
        joining = await held.start(submits(three, torrent))
        acting = await held.start(acts[verb])
    joined, _ = await joining, await acting
    await untouched(two, theirs)
    await untouched(three, joined)
    assert await ground.jobs.transfer_of(joined) == await ground.jobs.transfer_of(theirs)
    await ground.complete(torrent, (two, theirs), (three, joined))
    if verb == "delete":
        assert (await one.usage()).live_jobs == 0
        return
    assert (await one.job(mine)).metadata_known
    if verb == "cancel":
        assert (await one.retry(mine)).state == COMPLETED
    await ground.complete(torrent, (one, mine))  # the paused one, too: all of it has attached
