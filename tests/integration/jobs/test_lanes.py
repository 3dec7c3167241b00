"""The queue: lanes are what a recount says whatever happened, and what is given out is given in their order."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from tests.faults.invariants import lanes_kept
from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User
from tests.integration.jobs.test_quota import on_plan
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError
from tseeder_pg import connection
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.torrents import Sample

PRIORITIES = (model.JOB_PRIORITY_LOW, model.JOB_PRIORITY_NORMAL, model.JOB_PRIORITY_HIGH)
# What a verb is told when another came first, or the state does not allow it.
EXPECTED = {"job_ended", "job_not_found", "job_not_retryable", "lease_lost", "wanted_changed", "metadata_mismatch"}


def some_torrent() -> bytes:
    """A .torrent that nobody has."""
    return raw.torrent(raw.v1_single(f"queued {uuid.uuid4()}", 1000))


def some_magnet() -> str:
    """A magnet that nobody has."""
    return f"magnet:?xt=urn:btih:{uuid.uuid4().hex}00000001"


class Walk:
    """Users and agents who do anything at any time."""

    def __init__(self, service: Service, seed: int, users: list[User], agents: list[Agent], sample: Sample) -> None:
        self._service = service
        self._random = random.Random(seed)
        self._users, self._agents, self._sample = users, agents, sample
        self._jobs: list[tuple[User, model.Job]] = []
        self._leases: list[tuple[Agent, pb.LeaseRef]] = []
        self._shared = [some_torrent() for _ in range(3)]

    async def step(self) -> str:
        """One verb; gives its name."""
        verb = self._random.choices(list(self._verbs), list(self._verbs.values()))[0]
        try:
            await verb(self)
        except AppError as exc:
            if exc.code not in EXPECTED:
                raise
        return verb.__name__

    async def _submit(self) -> None:
        user = self._random.choice(self._users)
        source: dict[str, Any] = self._random.choice(
            [
                {"torrent": some_torrent()},
                {"torrent": self._random.choice(self._shared)},  # join
                {"magnet": some_magnet()},
                {"magnet": self._sample.magnet()},
            ]
        )
        job = await user.submit(**source, priority=self._random.choice(PRIORITIES))
        self._jobs.append((user, job))

    async def _claim(self) -> None:
        agent = self._random.choice(self._agents)
        self._leases += [(agent, each.lease) for each in await agent.claim(limit=self._random.randint(1, 3))]

    def _lease(self) -> tuple[Agent, pb.LeaseRef] | None:
        return self._leases.pop(self._random.randrange(len(self._leases))) if self._leases else None

    async def _release(self) -> None:
        if found := self._lease():
            wait = self._random.choice([0.0, 0.05, 30.0])
            await found[0].release(found[1], not_before_seconds=wait, spends_attempt=self._random.random() < 0.3)

    async def _fail(self) -> None:
        if found := self._lease():
            await found[0].fail(found[1])

    async def _resolve(self) -> None:
        if found := self._lease():
            self._leases.append(found)
            await found[0].submit_metadata(found[1], self._sample.info)

    async def _expire(self) -> None:
        if found := self._lease():
            lease_id = uuid.UUID(found[1].transfer_id)
            late = "UPDATE leases SET expires_at = clock_timestamp() - interval '1 s' WHERE transfer_id = $1"
            await self._service.rows(late, lease_id)
            if self._random.random() < 0.5:
                self._leases.append(found)  # comes back by a heartbeat, perhaps

    async def _beat(self) -> None:
        agent = self._random.choice(self._agents)
        await agent.beat(*(lease for holder, lease in self._leases if holder is agent))

    async def _act(self) -> None:
        if self._jobs:
            user, job = self._random.choice(self._jobs)
            act = self._random.choice([user.pause, user.pause, user.resume, user.resume, user.cancel, user.retry])
            await act(job)

    async def _prioritize(self) -> None:
        if self._jobs:
            user, job = self._random.choice(self._jobs)
            await user.prioritize(job, self._random.choice(PRIORITIES))

    async def _delete(self) -> None:
        if self._jobs:
            user, job = self._jobs.pop(self._random.randrange(len(self._jobs)))
            await user.delete(job)

    _verbs: ClassVar[dict[Callable[[Walk], Awaitable[None]], int]] = {
        _submit: 8,
        _claim: 6,
        _release: 3,
        _fail: 1,
        _resolve: 1,
        _expire: 1,
        _beat: 1,
        _act: 4,
        _prioritize: 2,
        _delete: 1,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_lanes_are_a_recount_after_every_verb(
    jobs: Service, agent: MakeAgent, sample: MakeSample, seed: int
) -> None:
    users = [await on_plan(jobs, running=running) for running in (1, 2, 3, 100)]
    walk = Walk(jobs, seed, users, [await agent(), await agent()], await sample(1000, 2000))
    for number in range(70):
        verb = await walk.step()
        async with connection(jobs.pool) as held:
            found = await lanes_kept(held)
        assert not found, f"after step {number}, {verb}: {found}"


async def test_lanes_are_a_recount_when_all_do_anything_at_once(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    users = [await on_plan(jobs, running=2) for _ in range(3)]
    torrent = await sample(1000, 2000)

    async def one(seed: int) -> None:
        walk = Walk(jobs, seed, users, [await agent()], torrent)
        for _ in range(25):
            await walk.step()

    await asyncio.gather(*(one(seed) for seed in range(6)))
    async with connection(jobs.pool) as held:
        assert await lanes_kept(held) == []


async def test_a_limit_that_changes_changes_the_lane(jobs: Service, agent: MakeAgent) -> None:
    user = await on_plan(jobs, running=1)
    await user.submit(torrent=some_torrent())
    await user.submit(torrent=some_torrent())
    played = await agent()
    assert len(await played.claim(limit=5)) == 1
    async with connection(jobs.world.billing_pool) as held:
        await held.execute(
            "UPDATE plans SET running_transfers = 2 "
            "WHERE plan_id = (SELECT plan_id FROM user_plans WHERE user_id = $1)",
            user.user_id,
        )
    last = await user.submit(torrent=some_torrent())  # which asks billing
    assert len(await played.claim(limit=5)) == 1
    await user.cancel(last)
    async with connection(jobs.pool) as held:
        assert await lanes_kept(held) == []


async def test_what_was_put_off_takes_its_place_when_it_is_due(jobs: Service, agent: MakeAgent) -> None:
    first, second = jobs.user(), jobs.user()
    older = await first.submit(torrent=some_torrent())
    played = await agent()
    lease = await played.claim_one()
    await played.release(lease, not_before_seconds=1.0)
    younger = await second.submit(torrent=some_torrent())
    (got,) = await played.claim(limit=1)
    assert got.lease.transfer_id == await jobs.transfer_of(younger)
    assert await played.claim(limit=5) == []
    again = await played.claim_one()  # nobody did anything meanwhile: time alone brought it back
    assert again.transfer_id == await jobs.transfer_of(older)
