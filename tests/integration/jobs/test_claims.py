"""Who goes first: plan priority, then who runs fewest, then age; exactly so when many agents ask at once."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from tests.integration.jobs.conftest import MakeAgent
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, refused
from tests.integration.jobs.test_lanes import PRIORITIES, some_magnet, some_torrent
from tests.integration.jobs.test_quota import on_plan
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_pg import connection

LOW, NORMAL, HIGH = PRIORITIES
SLOTS = 6


@dataclass
class Crew:
    """Agents that claim one at a time and end what they got, in any order; and when each call began and came back."""

    service: Service
    agents: list[Agent]
    asked: dict[tuple[str, int], float] = field(default_factory=dict)  # lease -> when its claim was sent
    over: dict[tuple[str, int], float] = field(default_factory=dict)  # lease -> when its end was answered
    left: int = 0

    async def work(self, transfers: int) -> None:
        """Until so many have been claimed and ended."""
        self.left = transfers
        await asyncio.gather(*(self._one(agent, seed) for seed, agent in enumerate(self.agents)))

    async def _one(self, agent: Agent, seed: int) -> None:
        dice = random.Random(seed)
        running: set[asyncio.Task[None]] = set()
        async with asyncio.timeout(300):
            while self.left or running:
                if self.left and len(running) < SLOTS:
                    began = time.time()
                    for each in await agent.claim(limit=1):
                        self.left -= 1
                        self.asked[each.lease.transfer_id, each.lease.epoch] = began
                        running.add(asyncio.create_task(self._end(agent, each.lease, dice.uniform(0, 0.3))))
                if running:
                    waits = 0.01 if self.left and len(running) < SLOTS else None
                    done, running = await asyncio.wait(running, timeout=waits, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()

    async def _end(self, agent: Agent, lease: pb.LeaseRef, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await agent.fail(lease)
        self.over[lease.transfer_id, lease.epoch] = time.time()

    async def unfair(self) -> list[str]:
        """Claims of the history that were given to who ran more than somebody else who waited with work.

        An end counts from when it was answered, and for the claim's own payer from when it was made: so nothing that
        the claim could not know is held against it.
        """
        rows = await self.service.rows(
            "SELECT a.transfer_id, a.epoch, t.payer_user_id, extract(epoch FROM a.started_at)::float8 AS began,"
            " extract(epoch FROM a.ended_at)::float8 AS ended FROM attempts a JOIN transfers t USING (transfer_id)"
        )
        mine = [row for row in rows if (str(row["transfer_id"]), row["epoch"]) in self.asked]
        assert len(mine) == len(self.asked)
        of: dict[uuid.UUID, list[tuple[float, float, float]]] = defaultdict(list)
        for row in mine:
            over = self.over[str(row["transfer_id"]), row["epoch"]]
            of[row["payer_user_id"]].append((row["began"], row["ended"], over))
        found = []
        for row in mine:
            at, asked = row["began"], self.asked[str(row["transfer_id"]), row["epoch"]]
            runs = sum(began < at < ended for began, ended, _ in of[row["payer_user_id"]])
            for other, attempts in of.items():
                if other == row["payer_user_id"] or not any(began > at for began, _, _ in attempts):
                    continue  # nothing of his waited
                had = sum(began <= at and over >= asked for began, _, over in attempts)
                if runs > had:
                    found.append(f"{row['payer_user_id']} had {runs} and got one more; {other} waited with {had}")
        return found


async def queue(users: list[User], each: int) -> list[model.Job]:
    """So many jobs of each, submitted at once."""
    made: list[model.Job] = []
    for _ in range(each):
        made += await asyncio.gather(*(user.submit(torrent=some_torrent()) for user in users))
    return made


@pytest.mark.parametrize(("people", "each"), [(8, 6), pytest.param(20, 10, marks=pytest.mark.faults)])
async def test_nobody_waits_while_another_runs_two_more(
    jobs: Service, agent: MakeAgent, people: int, each: int
) -> None:
    users = [await on_plan(jobs, running=10) for _ in range(people)]
    made = await queue(users, each)
    crew = Crew(jobs, [await agent(), await agent()])
    stop = asyncio.Event()

    async def meddle(seed: int) -> None:
        """Users' own verbs hold their rows, and each other up, all the while."""
        dice = random.Random(seed)
        while not stop.is_set():
            number = dice.randrange(len(made))
            await users[number % len(users)].prioritize(made[number], dice.choice(PRIORITIES))

    meddling = [asyncio.create_task(meddle(seed)) for seed in range(3)]
    try:
        await crew.work(len(made))
    finally:
        stop.set()
        await asyncio.gather(*meddling)
    assert await crew.unfair() == []


async def test_who_is_held_for_a_moment_is_waited_for(jobs: Service, agent: MakeAgent) -> None:
    idle, busy = await on_plan(jobs), await on_plan(jobs)
    played = await agent()
    await busy.submit(torrent=some_torrent())
    await played.claim_one()
    await busy.submit(torrent=some_torrent())
    wanted = await idle.submit(torrent=some_torrent())
    async with connection(jobs.pool) as held:
        async with held.transaction():
            await held.execute("SELECT 1 FROM usage WHERE user_id = $1 FOR UPDATE", idle.user_id)
            asking = asyncio.create_task(played.claim(limit=1))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            async with asyncio.timeout(30):
                while not await jobs.value(waits) and not asking.done():  # noqa: ASYNC110 - no event of ours
                    await asyncio.sleep(0.005)
    (got,) = await asking
    assert got.lease.transfer_id == await jobs.transfer_of(wanted)


async def test_who_is_held_for_long_holds_nobody_up(jobs: Service, agent: MakeAgent) -> None:
    stuck, busy = await on_plan(jobs), await on_plan(jobs)
    played = await agent()
    await busy.submit(torrent=some_torrent())
    await played.claim_one()
    other = await busy.submit(torrent=some_torrent())
    await stuck.submit(torrent=some_torrent())
    async with connection(jobs.pool) as held, held.transaction():
        await held.execute("SELECT 1 FROM usage WHERE user_id = $1 FOR UPDATE", stuck.user_id)
        (got,) = await played.claim(limit=1)
    assert got.lease.transfer_id == await jobs.transfer_of(other)


async def test_the_running_limit_is_exact_when_eight_claim_at_once(jobs: Service, agent: MakeAgent) -> None:
    users = [await on_plan(jobs, running=3), await on_plan(jobs, running=5)]
    await queue(users, 8)
    agents = [await agent() for _ in range(8)]
    claimed = await asyncio.gather(*(each.claim(limit=4) for each in agents))
    assert sum(len(each) for each in claimed) == 8
    assert [(await user.usage()).running for user in users] == [3, 5]


async def test_plan_priority_goes_first_then_who_runs_fewest_then_age(jobs: Service, agent: MakeAgent) -> None:
    plain, other = await on_plan(jobs), await on_plan(jobs)
    paying = await on_plan(jobs, priority=10)
    first = [await plain.submit(torrent=some_torrent()) for _ in range(2)]
    second = await other.submit(torrent=some_torrent())
    best = [await paying.submit(torrent=some_torrent()) for _ in range(2)]
    expected = [*best, first[0], second, first[1]]
    got = [each.lease.transfer_id for each in await (await agent()).claim(limit=5)]
    assert got == [await jobs.transfer_of(job) for job in expected]


async def test_own_priority_orders_only_ones_own(jobs: Service, agent: MakeAgent) -> None:
    loud, calm = await on_plan(jobs, running=10), await on_plan(jobs, running=10)
    low = await loud.submit(torrent=some_torrent(), priority=LOW)
    normal = await loud.submit(torrent=some_torrent())
    calm_jobs = [await calm.submit(torrent=some_torrent()) for _ in range(3)]
    high = await loud.submit(torrent=some_torrent(), priority=HIGH)
    assert [each.priority for each in (low, normal, high)] == [LOW, NORMAL, HIGH]
    got = [each.lease.transfer_id for each in await (await agent()).claim(limit=6)]
    places = {await jobs.transfer_of(job): name for name, job in (("low", low), ("normal", normal), ("high", high))}
    places |= {await jobs.transfer_of(job): "calm" for job in calm_jobs}
    names = [places[transfer] for transfer in got]
    assert [name for name in names if name != "calm"] == ["high", "normal", "low"]
    assert all({names[at], names[at + 1]} != {"calm"} for at in range(0, 6, 2))  # each in turn, loud or not
    assert [names[at : at + 2].count("calm") for at in range(0, 6, 2)] == [1, 1, 1]


async def test_the_payers_unpaused_jobs_say_it(jobs: Service, agent: MakeAgent) -> None:
    payer, rider = await on_plan(jobs), await on_plan(jobs)
    shared, plain = some_torrent(), some_torrent()
    first = await payer.submit(torrent=plain)
    mine = await payer.submit(torrent=shared)
    await rider.submit(torrent=shared, priority=HIGH)

    async def own(job: model.Job) -> int:
        sql = "SELECT own_priority FROM transfers WHERE transfer_id = $1"
        return int(await jobs.value(sql, uuid.UUID(await jobs.transfer_of(job))))

    assert await own(mine) == 0  # the rider's word is none among the payer's jobs
    raised = await payer.prioritize(mine, HIGH)
    assert (raised.priority, raised.version, await own(mine)) == (HIGH, mine.version + 1, 1)
    assert await payer.prioritize(mine, HIGH) == raised  # no change
    await payer.pause(mine)
    assert await own(mine) == 1  # the rider pays now, and says high
    await payer.prioritize(mine, LOW)
    assert await own(mine) == 1
    await payer.resume(mine)
    assert await own(mine) == -1
    (got, _) = await (await agent()).claim(limit=2)
    assert got.lease.transfer_id == await jobs.transfer_of(first)


async def test_priority_at_submit_and_later_is_checked(jobs: Service) -> None:
    user, other = jobs.user(), jobs.user()
    job = await user.submit(torrent=some_torrent())
    assert job.priority == NORMAL
    await refused("bad_priority", user.submit(torrent=some_torrent(), priority=7))
    await refused("bad_priority", user.prioritize(job, 7, name="x"))  # type: ignore[arg-type]
    assert await user.job(job) == job
    await refused("job_not_found", other.prioritize(job, HIGH))
    await refused("scope_missing", user.with_scopes("jobs:read").prioritize(job, HIGH))
    both = await user.prioritize(job, HIGH, name="mine")
    assert (both.name, both.priority) == ("mine", HIGH)
    kept = await user.rename(job, "other")
    assert (kept.name, kept.priority) == ("other", HIGH)
    await user.cancel(job)
    assert (await user.prioritize(job, LOW)).state == model.JOB_STATE_CANCELLED
    again = await user.retry(job)
    assert again.priority == LOW
    sql = "SELECT own_priority FROM transfers WHERE transfer_id = $1"
    assert await jobs.value(sql, uuid.UUID(await jobs.transfer_of(again))) == -1


async def test_the_same_key_with_another_priority_is_another_request(jobs: Service) -> None:
    user, torrent = jobs.user(), some_torrent()
    first = await user.submit(torrent=torrent, priority=HIGH, idempotency_key="k")
    assert await user.submit(torrent=torrent, priority=HIGH, idempotency_key="k") == first
    await refused("idempotency_key_reused", user.submit(torrent=torrent, priority=LOW, idempotency_key="k"))


async def test_verbs_and_claims_on_one_job_at_once(jobs: Service, agent: MakeAgent) -> None:
    user = await on_plan(jobs, running=100)
    agents = [await agent() for _ in range(2)]
    for _ in range(6):
        job = await user.submit(magnet=some_magnet())
        verbs = [user.prioritize(job, HIGH), user.pause(job), user.prioritize(job, LOW), user.cancel(job)]
        await asyncio.gather(*verbs, *(each.claim(limit=1) for each in agents), return_exceptions=True)
        after = await user.job(job)
        assert after.state == model.JOB_STATE_CANCELLED
        assert after.priority in (HIGH, LOW)
