"""Transfers that fail: which are tried again, after which wait, and how they end."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample, NewWorld, clear, settled
from tests.integration.jobs.playing import Agent, Piece, content_of, intent
from tests.integration.jobs.running import Service, User, World, eventually, running
from tests.ports import PORTS
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_pg import connection


@pytest.fixture(scope="module")
async def slow_world(new_world: NewWorld) -> AsyncIterator[World]:
    """Of its own: the reaper of a service beside it would give leases back by its own patience."""
    async with new_world("jobs_slow") as made:
        yield made


@pytest.fixture
async def slow(slow_world: World) -> AsyncIterator[Service]:
    """A service that waits long after each failure."""
    changes: dict[str, Any] = {"lease_seconds": 600, "self_stop_seconds": 400, "backoff_seconds": 100}
    async with running(slow_world, rpc_port=PORTS.pick("jobs"), **changes) as service:
        yield service
        try:
            await settled(service)
        finally:
            await clear(service)


async def execute(service: Service, sql: str, lease: pb.LeaseRef) -> None:
    """Something about a transfer, `$1`, that takes too long to come by itself."""
    async with connection(service.pool) as held:
        await held.execute(sql, uuid.UUID(lease.transfer_id))


async def now_claimable(service: Service, lease: pb.LeaseRef) -> None:
    await execute(service, "UPDATE transfers SET not_before = clock_timestamp() WHERE transfer_id = $1", lease)


async def transfer(service: Service, lease: pb.LeaseRef) -> Any:
    sql = """SELECT *, extract(epoch FROM not_before - clock_timestamp())::float8 AS waits FROM transfers
             WHERE transfer_id = $1"""
    return (await service.rows(sql, uuid.UUID(lease.transfer_id)))[0]


async def attempts(service: Service, lease: pb.LeaseRef) -> list[tuple[str, str | None, str | None]]:
    sql = "SELECT outcome, reason_code, reason_message FROM attempts WHERE transfer_id = $1 ORDER BY epoch"
    return [tuple(row) for row in await service.rows(sql, uuid.UUID(lease.transfer_id))]


async def begun(service: Service, sample: MakeSample, played: Agent, size: int = 100) -> tuple[User, model.Job, Any]:
    user = service.user()
    job = await user.submit(torrent=(await sample(size)).torrent.read_bytes())
    return user, job, await played.claim_one()


def why(code: str, message: str = "Why.") -> model.Reason:
    return model.Reason(code=code, message=message)


async def expire(service: Service, lease: pb.LeaseRef) -> None:
    """The agent is not heard of any more."""
    await execute(
        service, "UPDATE leases SET expires_at = clock_timestamp() - interval '1 s' WHERE transfer_id = $1", lease
    )

    async def back() -> bool:
        # A machine that stood still is an outage, after which nothing is reaped for a whole lease: ten minutes here.
        await service.rows("UPDATE reaper_pulse SET reap_not_before = clock_timestamp()")
        return bool((await transfer(service, lease))["state"] == "queued")

    await eventually(back)


async def test_what_can_pass_is_tried_again_after_ever_longer_waits(
    slow: Service, s3_client: Any, sample: MakeSample
) -> None:
    played = Agent(slow, s3_client)
    await played.register()
    user, job, lease = await begun(slow, sample, played)
    for times in (1, 2, 4):
        await played.release(lease, reason=why("never_heard_of"), spends_attempt=True)
        row = await transfer(slow, lease)
        assert 70 * times < row["waits"] <= 100 * times
        assert await played.claim() == []
        shown = await user.job(job)
        assert (shown.state, shown.reason.code) == (model.JOB_STATE_QUEUED, "never_heard_of")
        await now_claimable(slow, lease)
        lease = await played.claim_one()
    await played.release(lease, reason=why("stalled"), spends_attempt=True, not_before_seconds=2000)
    row = await transfer(slow, lease)
    assert 1900 < row["waits"] <= 2000  # the agent asked for more
    assert row["attempts_spent"] == 4


async def test_an_attempt_that_got_further_is_not_spent_and_does_not_wait(
    slow: Service, s3_client: Any, sample: MakeSample
) -> None:
    played = Agent(slow, s3_client)
    await played.register()
    _, _, lease = await begun(slow, sample, played)
    await played.release(lease, reason=why("stalled"))
    row = await transfer(slow, lease)
    assert (row["attempts_spent"], row["state"]) == (0, "queued")
    assert row["waits"] <= 0
    lease = await played.claim_one()
    await played.release(lease, reason=why("agent_restarting"), spends_attempt=True)  # free, whatever the agent says
    row = await transfer(slow, lease)
    assert (row["attempts_spent"], row["waits"] <= 0) == (0, True)


async def test_what_nobody_could_better_fails_at_once(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played = await agent()
    user, job, lease = await begun(jobs, sample, played)
    await played.release(lease, reason=why("layout_differs", "It lies otherwise."))
    failed = await user.job(job)
    assert failed.state == model.JOB_STATE_FAILED
    assert (failed.reason.code, failed.reason.message) == ("layout_differs", "It lies otherwise.")
    assert await attempts(jobs, lease) == [("failed", "layout_differs", "It lies otherwise.")]


async def test_after_the_last_attempt_the_cause_stands_there_and_a_retry_begins_anew(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    played = await agent()
    user, job, lease = await begun(jobs, sample, played)
    for number in range(jobs.settings.max_attempts):
        lease = lease if not number else await played.claim_one()
        await played.release(lease, reason=why("no_peers", "Nobody came."), spends_attempt=True)
    failed = await user.job(job)
    assert failed.state == model.JOB_STATE_FAILED
    assert (failed.reason.code, failed.reason.message) == ("no_peers", "Nobody came. It was tried 5 times.")
    assert (await transfer(jobs, lease))["attempts_spent"] == 5
    history = await attempts(jobs, lease)
    assert history == [("released", "no_peers", "Nobody came.")] * 4 + [("failed", "no_peers", "Nobody came.")]

    await user.retry(job)
    again = await played.claim_one()
    assert again.transfer_id != lease.transfer_id
    row = await transfer(jobs, again)
    assert (row["attempts_spent"], row["deaths"], row["reason_code"]) == (0, 0, None)


async def test_since_when_it_is_so(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played = await agent()
    _, _, lease = await begun(jobs, sample, played)
    assert (await transfer(jobs, lease))["reason_at"] is None
    await played.report(lease, model.TRANSFER_STATE_DOWNLOADING, why("stalled"))
    first = (await transfer(jobs, lease))["reason_at"]
    await played.report(lease, model.TRANSFER_STATE_DOWNLOADING, why("stalled", "In other words."))
    await played.release(lease, reason=why("stalled"))
    assert (await transfer(jobs, lease))["reason_at"] == first is not None
    lease = await played.claim_one()
    assert (await transfer(jobs, lease))["reason_at"] is None
    await played.release(lease, reason=why("no_peers"))
    assert (await transfer(jobs, lease))["reason_at"] > first
    lease = await played.claim_one()
    await played.release(lease, reason=why("torrent_unusable"))
    row = await transfer(jobs, lease)
    assert (row["state"], row["reason_code"]) == ("failed", "torrent_unusable")
    assert row["reason_at"] is not None


async def test_a_transfer_that_takes_its_agents_down_waits_and_then_fails(
    slow: Service, s3_client: Any, sample: MakeSample
) -> None:
    """By turns the lease runs out, and the agent comes back as another boot."""
    played = Agent(slow, s3_client)
    await played.register()
    user, job, lease = await begun(slow, sample, played)
    for deaths in range(1, slow.settings.max_deaths):
        if deaths % 2:
            await expire(slow, lease)
            played = Agent(slow, s3_client)  # the one before may still run it, so it gets it no more
        else:
            played = played.next_boot()
        await played.register()
        waits = (await transfer(slow, lease))["waits"]
        doublings = 2 ** (deaths - 3)
        assert waits <= 0 if deaths < 3 else 30 * min(doublings, 36) < waits <= min(100 * doublings, 3600)
        await now_claimable(slow, lease)
        lease = await played.claim_one()
        assert (await transfer(slow, lease))["deaths"] == deaths
    played = played.next_boot()
    await played.register()
    failed = await user.job(job)
    assert (failed.state, failed.reason.code) == (model.JOB_STATE_FAILED, "agents_lost")
    history = await attempts(slow, lease)
    assert [outcome for outcome, _, _ in history] == ["expired", "replaced"] * 5
    assert {code for _, code, _ in history} == {"agent_lost", "agent_restarted"}


@pytest.mark.faults
async def test_the_last_death_is_found_by_who_claims_next(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played = await agent()
    user, job, lease = await begun(jobs, sample, played)
    await execute(jobs, "UPDATE transfers SET deaths = 9 WHERE transfer_id = $1", lease)
    await expire(jobs, lease)
    heir = await agent()

    async def ended() -> bool:
        assert await heir.claim() == []
        return (await user.job(job)).state == model.JOB_STATE_FAILED

    await eventually(ended)
    assert (await user.job(job)).reason.code == "agents_lost"
    assert await attempts(jobs, lease) == [
        ("expired", "agent_lost", "The agent was lost; another one goes on from what is stored.")
    ]
    assert (await user.usage()).reserved_bytes == 0


async def test_who_renews_in_time_has_not_died(slow: Service, s3_client: Any, sample: MakeSample) -> None:
    played = Agent(slow, s3_client)
    await played.register()
    user, job, lease = await begun(slow, sample, played)
    await execute(slow, "UPDATE transfers SET deaths = 4 WHERE transfer_id = $1", lease)
    await expire(slow, lease)
    waiting = await user.job(job)
    assert (waiting.state, waiting.reason.code) == (model.JOB_STATE_QUEUED, "agent_lost")
    assert (await transfer(slow, lease))["waits"] > 0
    assert (await played.beat(lease)).renewed == [lease]  # before anybody claimed
    row = await transfer(slow, lease)
    assert (row["deaths"], row["state"], row["reason_code"]) == (4, "downloading", None)
    await played.release(lease)  # and it survived it
    assert (await transfer(slow, lease))["deaths"] == 0


async def test_progress_makes_the_dead_forgotten(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    played, user = await agent(), jobs.user()
    torrent = await sample(11 << 20, 500)
    await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await played.claim_one()
    died = "UPDATE transfers SET deaths = 7 WHERE transfer_id = $1"
    await execute(jobs, died, lease)
    entry = (await played.describe(lease)).entries[0]
    body = content_of(torrent, entry)[: 5 << 20]
    assert (await transfer(jobs, lease))["deaths"] == 7  # looking is no progress
    await played.send(lease, [Piece(intent(0, 1, body), body)])
    assert (await transfer(jobs, lease))["deaths"] == 0
    small = content_of(torrent, (await played.describe(lease)).entries[1])
    await played.send(lease, [Piece(intent(1, 0, small), small)])
    await execute(jobs, died, lease)
    await played.complete(lease, 1)
    assert (await transfer(jobs, lease))["deaths"] == 0


async def test_the_most_generous_plan_says_how_long_an_attempt_may_take(
    jobs: Service, jobs_world: World, agent: MakeAgent, sample: MakeSample
) -> None:
    played, free, plus = await agent(), jobs.user(), jobs.user()
    sql = "INSERT INTO user_plans (user_id, plan_id) VALUES ($1, 'plus')"
    async with connection(jobs_world.billing_pool) as held:
        await held.execute(sql, plus.user_id)
    torrent = (await sample(100)).torrent.read_bytes()
    await free.submit(torrent=torrent)
    lease = await played.claim_one()

    async def told() -> tuple[float, float]:
        header = (await played.describe(lease)).header
        return header.metadata_timeout_seconds, header.stall_timeout_seconds

    assert await told() == (600, 3600)
    job = await plus.submit(torrent=torrent)
    assert await told() == (1800, 14400)
    await plus.pause(job)
    assert await told() == (600, 3600)


async def test_settings_limit_what_plans_allow(jobs_world: World, s3_client: Any, sample: MakeSample) -> None:
    limits: dict[str, Any] = {"metadata_timeout_seconds": 0.5, "stall_timeout_seconds": 100_000}
    async with running(jobs_world, **limits) as service:
        played, user = Agent(service, s3_client), service.user()
        await played.register()
        job = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
        header = (await played.describe(await played.claim_one())).header
        assert (header.metadata_timeout_seconds, header.stall_timeout_seconds) == (0.5, 3600)
        await user.delete(job)
