"""A seeded random walk: three users do whatever comes to their minds with one public torrent, while an agent works.
Whatever the order was, afterwards the invariants hold and everybody can still have the right bytes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.faults.invariants import violations
from tests.integration.jobs.conftest import MakeSample, own_world
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError, Kind
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

STEPS = 30
FILES = 3
TOLD = frozenset({Kind.CONFLICT, Kind.NOT_FOUND, Kind.PRECONDITION, Kind.UNAVAILABLE})
"""How a verb may be refused that comes too late, or meets too many others; nothing else may come out of one."""


class Walker:
    """One user, his jobs, and a die of his own."""

    def __init__(self, user: User, torrent: Sample, seed: str) -> None:
        self.user = user
        self.torrent = torrent
        self.die = random.Random(seed)
        self.jobs: list[model.Job] = []
        self.deleted: set[UUID] = set()
        self.accepted: set[UUID] = set()
        self.done: list[str] = []

    async def walk(self) -> None:
        """So many steps; what is refused is refused in a way that a client understands."""
        for _ in range(STEPS):
            verb, call = self._next()
            self.done.append(verb)
            await unless_refused(call)

    def _next(self) -> tuple[str, Awaitable[Any]]:
        if not self.jobs or (len(self.jobs) < 3 and self.die.random() < 0.3):
            return "submit", self._submit()
        job, user = self.die.choice(self.jobs), self.user
        verbs: dict[str, Callable[[], Awaitable[Any]]] = {
            "cancel": lambda: user.cancel(job),
            "pause": lambda: user.pause(job),
            "resume": lambda: user.resume(job),
            "retry": lambda: user.retry(job),
            "select": lambda: user.select(job, self._some()),
            "delete": lambda: self._delete(job),
        }
        verb = self.die.choices(list(verbs), weights=(2, 2, 3, 3, 3, 1))[0]
        return verb, verbs[verb]()

    def _some(self) -> list[int] | None:
        return self.die.choice([None, *([index] for index in range(FILES)), [0, 2]])

    async def _submit(self) -> None:
        source: dict[str, Any] = {"torrent": self.torrent.torrent.read_bytes()}
        if self.die.random() < 0.4:
            source = {"magnet": self.torrent.magnet()}
        job = await self.user.submit(selection=self._some(), **source)
        self.accepted.add(UUID(job.job_id))
        self.jobs.append(job)

    async def _delete(self, job: model.Job) -> None:
        self.jobs.remove(job)
        self.deleted.add(UUID(job.job_id))
        await self.user.delete(job)

    async def wants_all(self) -> None:
        """At the end of the way every job that is left is wanted whole."""
        for job in self.jobs:
            state = (await self.user.job(job)).state
            if state == model.JOB_STATE_PAUSED:
                await self.user.resume(job)
            elif state in (model.JOB_STATE_CANCELLED, model.JOB_STATE_FAILED):
                await self.user.retry(job)
            await self.user.select(job, None)


async def unless_refused(call: Awaitable[object]) -> bool:
    """Whether it was carried out. A refusal that no client would understand fails the test."""
    try:
        await call
    except AppError as exc:
        if exc.kind not in TOLD:
            raise
        return False
    return True


async def work(played: Agent, torrent: Sample, die: random.Random) -> None:
    """Until it is cancelled: claims, and sees its leases to some end."""
    while True:
        claimed = await played.claim()
        if not claimed:
            await asyncio.sleep(0.01)  # nothing of ours is set when there is work
        for each in claimed:
            if not await unless_refused(one_lease(played, each.lease, torrent, die)):
                await unless_refused(played.release(each.lease))  # what it could not end, if it is its own still


async def one_lease(played: Agent, lease: agents_pb2.LeaseRef, torrent: Sample, die: random.Random) -> None:
    while True:
        described = await played.describe(lease)
        if not described.header.metadata_known:
            if not (await played.submit_metadata(lease, torrent.info)).proceed:
                return None
            continue
        luck = die.random()
        if luck < 0.05:
            return await played.fail(lease)
        if luck < 0.2:
            return await played.release(lease)
        for index in described.wanted:
            await played.store(lease, torrent, index)
        if await played.finish(lease, described.header.wanted_version):
            return None
        beat = await played.beat(lease, seen=described.header.wanted_version)
        parked = next((order.park.wanted_version for order in beat.orders if order.HasField("park")), None)
        if parked is not None:
            return await played.release(lease, wanted_version=parked)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(2, 6))])
async def test_whatever_three_users_do(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    s3_client: Any,
    tmp_path: Path,
    sample: MakeSample,
    seed: int,
) -> None:
    torrent = await sample(1000, 2000, 3000)
    async with (
        own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, f"jobs_walk_{seed}") as world,
        running(world, lease_seconds=600, self_stop_seconds=400) as jobs,
    ):
        walkers = [Walker(jobs.user(), torrent, f"{seed}/{number}") for number in range(3)]
        played = Agent(jobs, s3_client)
        await played.register()
        working = asyncio.create_task(work(played, torrent, random.Random(seed)))
        try:
            await asyncio.gather(*(walker.walk() for walker in walkers))
            assert not working.done(), working.exception()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        for walker in walkers:
            await walker.wants_all()
        await all_completed(jobs, played.next_boot(), walkers, torrent)
        await proven(jobs, walkers, torrent)


async def all_completed(jobs: Service, played: Agent, walkers: list[Walker], torrent: Sample) -> None:
    """A new boot, which takes over what the first one left, needs no luck."""
    await played.register()
    lucky = random.Random()
    lucky.random = lambda: 1.0  # type: ignore[method-assign]
    deadline = time.monotonic() + 30
    wishes = [(walker.user, job) for walker in walkers for job in walker.jobs]
    while not all([(await user.job(job)).state == model.JOB_STATE_COMPLETED for user, job in wishes]):
        assert time.monotonic() < deadline, [walker.done for walker in walkers]
        for claimed in await played.claim():
            try:
                await one_lease(played, claimed.lease, torrent, lucky)
            except AppError as exc:
                if exc.code != "lease_lost":
                    raise


async def proven(jobs: Service, walkers: list[Walker], torrent: Sample) -> None:
    """I1 to I5: no job that was accepted is lost, sums are right, S3 has what it must, of the right bytes."""
    accepted = {job for walker in walkers for job in walker.accepted}
    deleted = {job for walker in walkers for job in walker.deleted}
    contents = {
        (UUID(job.job_id), index): file.sha256
        for walker in walkers
        for job in walker.jobs
        for index, file in enumerate(torrent.files)
    }
    found: list[str] = []

    async def sound() -> bool:
        found[:] = await violations(
            jobs.world.database.urls["jobs"], jobs.world.s3, accepted=accepted, deleted=deleted, contents=contents
        )
        return not found

    try:
        await eventually(sound, seconds=20)
    except TimeoutError:
        raise AssertionError("\n".join([*found, *(str(walker.done) for walker in walkers)])) from None
    for walker in walkers:
        held = 6000 if walker.jobs else 0
        assert (await walker.user.usage()).charged_bytes == held
        for job_id in walker.deleted:
            await refused("job_not_found", walker.user.job(str(job_id)))
