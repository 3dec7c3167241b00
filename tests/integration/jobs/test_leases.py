"""Leases: who holds a transfer, for how long, and who is refused."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample, NewWorld, clear, settled
from tests.integration.jobs.playing import Agent, Piece, content_of, intent
from tests.integration.jobs.running import Service, User, World, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.store import lanes
from tseeder_kit.errors import Kind
from tseeder_pg import connection, open_pool

BRIEF: dict[str, Any] = {"heartbeat_seconds": 0.4, "self_stop_seconds": 1.6, "lease_seconds": 2.0}


@pytest.fixture(scope="module")
async def brief_world(new_world: NewWorld) -> AsyncIterator[World]:
    """A database of their own: a replica with longer leases would judge outages differently."""
    async with new_world("jobs_leases") as made:
        yield made


@pytest.fixture
async def brief(brief_world: World, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    """A service whose leases end in two seconds, if they are not renewed; how its agents write may be given."""
    async with running(brief_world, **BRIEF, agent_writes=getattr(request, "param", "key")) as service:
        yield service
        try:
            await settled(service)
        finally:
            await clear(service)


@pytest.fixture
async def brief_agents(brief: Service, s3_client: Any) -> tuple[Agent, Agent]:
    """Two agents that have registered at the brief replica."""
    made = Agent(brief, s3_client), Agent(brief, s3_client)
    for each in made:
        await each.register()
    return made


async def queued(service: Service, lease: pb.LeaseRef) -> bool:
    """Whether the lease's transfer went back to the queue."""
    sql = "SELECT state = 'queued' FROM transfers WHERE transfer_id = $1"
    return bool(await service.value(sql, uuid.UUID(lease.transfer_id)))


async def test_an_unrenewed_lease_goes_back_and_the_same_boot_may_take_it_up_again(
    brief: Service, brief_agents: tuple[Agent, Agent], sample: MakeSample
) -> None:
    user = brief.user()
    torrent = await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played, _ = brief_agents
    lease = await played.claim_one()
    await played.report(lease, model.TRANSFER_STATE_STORING)
    await eventually(lambda: queued(brief, lease))
    assert (await user.job(job)).state == model.JOB_STATE_QUEUED
    await refused("lease_lost", played.describe(lease))

    assert (await played.beat(lease)).renewed == [lease]
    assert (await user.job(job)).state == model.JOB_STATE_STORING  # where it was
    await played.beat(lease)
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def lasts(service: Service, lease: pb.LeaseRef, seconds: int) -> None:
    """From now on, without beats: for what takes its time on a busy machine; 0: it is over."""
    sql = "UPDATE leases SET expires_at = clock_timestamp() + $2 * interval '1 second' WHERE transfer_id = $1"
    await service.rows(sql, uuid.UUID(lease.transfer_id), seconds)


@pytest.mark.parametrize("brief", ["key", "presigned"], indirect=True)
async def test_a_successor_takes_over_and_the_old_epoch_is_refused_everywhere(
    brief: Service, brief_agents: tuple[Agent, Agent], sample: MakeSample
) -> None:
    user = brief.user()
    torrent = await sample(11 * (1 << 20), 500)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    first, second = brief_agents
    old = await first.claim_one()
    await lasts(brief, old, 600)
    described = await first.describe(old)
    body = content_of(torrent, described.entries[0])[: 5 << 20]
    part = Piece(intent(0, 1, body), body)
    (old_part,) = await first.send(old, [part])
    small = content_of(torrent, described.entries[1])
    plans = await first.plan(old, [intent(1, 0, small)])
    await lasts(brief, old, 0)
    await eventually(lambda: queued(brief, old))
    new = await second.claim_one()
    await lasts(brief, new, 600)
    assert (new.transfer_id, new.epoch) == (old.transfer_id, old.epoch + 1)

    beat = await first.beat(old)
    assert (list(beat.renewed), list(beat.lost)) == ([], [old])
    written = await first.write(plans[0], small)  # S3 cannot know; jobs must
    for call in (
        first.describe(old),
        first.plan(old, [part.intent]),
        first.confirm(old, [written]),
        first.complete(old, 1),
        first.report(old, model.TRANSFER_STATE_STORING),
        first.finish(old, 1),
        first.release(old),
        first.fail(old),
        first.submit_metadata(old, torrent.info),
    ):
        assert (await refused("lease_lost", call)).kind is Kind.PRECONDITION
    assert (await user.job(job)).state == model.JOB_STATE_DOWNLOADING
    await first.write(old_part, body)  # a URL of the old epoch is good still: these are the bytes that S3 holds anyway

    heir = await second.describe(new)
    assert [(p.number, p.size_bytes) for p in heir.entries[0].held] == [(1, 5 << 20)]
    await second.run(new, torrent)
    assert (0, 1) not in second.put  # what S3 held did not go up again
    await user.reaches(job, model.JOB_STATE_COMPLETED)
    keys = await brief.rows("SELECT object_key FROM objects WHERE state = 'stored'")
    assert plans[0].object_key not in {row["object_key"] for row in keys}  # what the old epoch wrote became nothing


async def test_a_claim_whose_answer_was_lost_is_given_to_the_same_agent_again(
    brief: Service, brief_agents: tuple[Agent, Agent], sample: MakeSample
) -> None:
    """It beats, and does not name what it never heard of; there may be no other agent."""
    user = brief.user()
    torrent = await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    lonely, _ = brief_agents
    unheard = await lonely.claim_one()
    await eventually(lambda: queued(brief, unheard))
    assert await lonely.claim() == []  # it may run it still
    await lonely.beat()
    again = await lonely.claim_one()
    assert (again.transfer_id, again.epoch) == (unheard.transfer_id, unheard.epoch + 1)
    assert list((await lonely.beat(again, unheard)).lost) == [unheard]
    await lonely.run(again, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED
    sql = "SELECT epoch, outcome FROM attempts WHERE transfer_id = $1 ORDER BY epoch"
    rows = await brief.rows(sql, uuid.UUID(again.transfer_id))
    assert [tuple(row) for row in rows] == [(1, "expired"), (2, "stored")]


async def test_another_agents_lease_and_one_that_never_was(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    await user.submit(torrent=(await sample(1000)).torrent.read_bytes())
    holder, thief = await agent(), await agent()
    lease = await holder.claim_one()
    await refused("lease_lost", thief.describe(lease))
    await refused("lease_lost", thief.fail(lease))
    await refused("lease_lost", thief.describe(pb.LeaseRef(transfer_id="no id", epoch=1)))
    await refused("lease_lost", thief.describe(pb.LeaseRef(transfer_id=str(uuid.uuid4()), epoch=1)))
    beat = await thief.beat(lease, pb.LeaseRef(transfer_id=str(uuid.uuid4()), epoch=3))
    assert not beat.renewed
    assert lease in beat.lost
    assert (await holder.beat(lease)).renewed == [lease]


async def test_a_new_boot_releases_what_the_old_one_held(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    old = await agent()
    lease = await old.claim_one()
    again = await old.register(leftovers=[lease])  # the same boot lost the answer: it keeps what it has
    assert list(again.keep) == [lease]

    new = old.next_boot()
    answer = await new.register(leftovers=[lease])
    assert list(answer.keep) == [lease]  # it may be given that transfer again, under another epoch
    assert (await user.job(job)).state == model.JOB_STATE_QUEUED
    assert (await refused("agent_credential_invalid", old.beat(lease))).kind is Kind.UNAUTHENTICATED
    await refused("agent_credential_invalid", old.claim())
    taken = await new.claim_one()
    assert taken.epoch > lease.epoch
    await new.run(taken, torrent)


async def test_who_may_not_join(jobs: Service, s3_client: Any) -> None:
    stranger = Agent(jobs, s3_client)
    await refused("join_secret_invalid", stranger.register(join_secret="guessed"))
    await refused("bad_agent_id", stranger.register(agent_id="Agent.1"))
    await refused("bad_boot_id", stranger.register(boot_id="1"))
    await refused("bad_capacity", stranger.register(capacity=pb.Capacity(transfers=0)))
    await refused("unauthenticated", stranger.claim())
    stranger.credential = "made up"
    await refused("agent_credential_invalid", stranger.claim())
    user = jobs.user()
    await refused("agent_credential_invalid", user.call(jobs.agents(lambda: "x").Claim, pb.ClaimRequest(limit=1)))


async def test_a_credential_ends_if_it_is_not_renewed(jobs: Service, agent: MakeAgent) -> None:
    played = await agent()
    await played.beat()
    async with connection(jobs.pool) as held:
        await held.execute(
            "UPDATE agents SET credential_expires_at = clock_timestamp() WHERE agent_id = $1", played.agent_id
        )
    await refused("agent_credential_invalid", played.beat())
    await played.register()
    await played.beat()


async def test_a_transfer_is_claimed_once_however_many_ask(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    users = [jobs.user() for _ in range(6)]
    for user in users:
        await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    agents = [await agent() for _ in range(4)]
    claims = await asyncio.gather(*(each.claim(limit=6) for each in agents for _ in range(2)))
    leases = [claimed.lease.transfer_id for batch in claims for claimed in batch]
    assert len(leases) == len(set(leases)) == 6


async def test_claims_are_fair_and_fit(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    busy, fresh = jobs.user(), jobs.user()
    await busy.submit(torrent=(await sample(100)).torrent.read_bytes())
    await busy.submit(torrent=(await sample(100)).torrent.read_bytes())
    last = await fresh.submit(torrent=(await sample(900_000)).torrent.read_bytes())
    played = await agent()
    first = (await played.claim())[0]
    second = (await played.claim())[0]
    assert second.lease.transfer_id == await jobs.transfer_of(last)  # who runs fewest goes before who asked earlier
    assert (first.disk_reserved_bytes, second.disk_reserved_bytes) == (100, 900_000)
    await played.release(second.lease)
    small = await played.claim(limit=9, disk=899_999)
    assert [claimed.lease.transfer_id for claimed in small] != [second.lease.transfer_id]
    assert len(small) == 1


async def test_cordoned_and_draining_agents_claim_nothing(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    await jobs.user().submit(torrent=(await sample(100)).torrent.read_bytes())
    played = await agent()
    await played.beat(draining=True)
    assert await played.claim() == []
    await played.beat()
    assert len(await played.claim()) == 1


async def test_releases_wait_and_attempts_are_counted(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    await played.release(lease, not_before_seconds=3000)
    assert await played.claim() == []
    waiting = await user.job(job)
    assert (waiting.state, waiting.reason.code) == (model.JOB_STATE_QUEUED, "draining")
    async with connection(jobs.pool) as held:
        await held.execute(
            "UPDATE transfers SET not_before = clock_timestamp() WHERE transfer_id = $1", uuid.UUID(lease.transfer_id)
        )
    for _ in range(jobs.settings.max_attempts):
        lease = await played.claim_one()
        reason = model.Reason(code="peers_gone", message="Everybody left.")
        await played.release(lease, spends_attempt=True, reason=reason)
    failed = await user.job(job)
    assert (failed.state, failed.reason.code) == (model.JOB_STATE_FAILED, "peers_gone")
    assert (await user.usage()).reserved_bytes == 0

    again = await user.retry(job)
    assert (again.state, again.run) == (model.JOB_STATE_QUEUED, 2)
    assert not again.HasField("reason")
    assert len(await played.claim()) == 1


async def test_what_holds_it_up_shows_and_goes(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    problem = model.Reason(code="storage_refused", message="S3 says no.\0" + "x" * 10_000)
    await played.report(lease, model.TRANSFER_STATE_DOWNLOADING, problem)
    shown = await user.job(job)
    assert shown.reason.code == "storage_refused"
    assert shown.reason.message.startswith("S3 says no.x")
    assert len(shown.reason.message) == 500
    await played.report(lease, model.TRANSFER_STATE_DOWNLOADING, problem)
    assert (await user.job(job)).version == shown.version  # said twice, written once
    await played.report(lease, model.TRANSFER_STATE_STORING)
    assert not (await user.job(job)).HasField("reason")
    for state in (model.TRANSFER_STATE_STORED, model.TRANSFER_STATE_QUEUED, model.TRANSFER_STATE_UNSPECIFIED):
        await refused("bad_state", played.report(lease, state))
    await refused("illegal_move", played.report(lease, model.TRANSFER_STATE_RESOLVING))


async def test_the_reaper_waits_one_lease_after_an_outage(
    brief_world: World, s3_client: Any, sample: MakeSample
) -> None:
    """While jobs is away nobody can renew, so nobody is blamed for it."""
    async with running(brief_world) as before:
        user = before.user()
        job = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
        played = Agent(before, s3_client)
        await played.register()
        lease = await played.claim_one()
        running_job = await user.job(job)
    async with open_pool(brief_world.database.urls["jobs"], application_name="test") as pool, connection(pool) as held:
        await held.execute("UPDATE leases SET expires_at = clock_timestamp() - interval '1 hour'")
        await held.execute("UPDATE reaper_pulse SET beat_at = clock_timestamp() - interval '1 hour'")
    async with running(brief_world, **BRIEF) as after:
        back = Agent(after, s3_client, played.agent_id, played.boot_id, played.credential)

        async def looked() -> bool:
            sql = "SELECT beat_at > clock_timestamp() - interval '1 minute' FROM reaper_pulse"
            return bool(await after.value(sql))

        await eventually(looked)
        assert (await back.beat(lease)).renewed == [lease]
        reborn = User(after, user.user_id, user.role, user.scopes)
        now = await reborn.job(job)
        assert (now.state, now.version) == (running_job.state, running_job.version)  # never taken away
        await eventually(lambda: queued(after, lease))  # and from now on it counts again
        await reborn.delete(job)


async def test_a_crowd_of_one_magnet_hides_no_other_work(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    crowded, other = await sample(1000), await sample(1000)
    for _ in range(lanes.CANDIDATES + 2):
        await jobs.user().submit(magnet=crowded.magnet())
    job = await jobs.user().submit(torrent=other.torrent.read_bytes())
    played = await agent()
    await played.claim_one()
    # Of the crowd it can run one only; what comes behind them all is not theirs to hold up.
    assert [each.lease.transfer_id for each in await played.claim()] == [await jobs.transfer_of(job)]
    assert await played.claim() == []


async def test_what_no_agent_can_hold_fails_instead_of_waiting_for_ever(
    brief: Service, brief_agents: tuple[Agent, Agent], sample: MakeSample
) -> None:
    small, smaller = brief_agents
    await small.register(capacity=pb.Capacity(transfers=1, disk_bytes=50_000))
    await smaller.register(capacity=pb.Capacity(transfers=1, disk_bytes=40_000))
    sql = "UPDATE agents SET last_heartbeat_at = last_heartbeat_at - interval '2 days' WHERE agent_id <> ALL($1)"
    await brief.rows(sql, [small.agent_id, smaller.agent_id])
    torrent, user = await sample(17_000, 40_000), brief.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    failed = await user.reaches(job, model.JOB_STATE_FAILED)
    assert failed.reason.code == "too_large_for_agents"
    assert (await user.usage()).reserved_bytes == 0
    fits = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
    lease = await small.claim_one()
    assert lease.transfer_id == await brief.transfer_of(fits)
    await small.run(lease, torrent)
    assert (await user.job(fits)).state == model.JOB_STATE_COMPLETED


async def test_disk_is_reserved_for_whole_pieces_and_follows_the_wish(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    piece = 16 << 10
    torrent = await sample(10, piece, 3 * piece, 10, 100)  # the second lies on pieces 0 and 1, the third on 1 to 4
    user, rider = jobs.user(), jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[1])
    played = await agent()
    (got,) = await played.claim()
    assert got.disk_reserved_bytes == 2 * piece
    reserved = "SELECT disk_reserved_bytes FROM leases WHERE transfer_id = $1"

    async def kept() -> int:
        return int(await jobs.value(reserved, uuid.UUID(got.lease.transfer_id)))

    assert await kept() == 2 * piece
    await user.select(job, [1, 2])
    assert await kept() == torrent.total_size  # pieces 0 to 4, of which the last is short
    await user.select(job, [0])
    assert await kept() == piece
    other = await rider.submit(torrent=torrent.torrent.read_bytes(), selection=[4])
    assert await kept() == 2 * piece  # the last piece counts as a whole one
    await rider.cancel(other)
    assert await kept() == piece


async def test_a_magnets_disk_is_reserved_once_its_size_is_known(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(900_000)
    await jobs.user().submit(magnet=torrent.magnet())
    played = await agent()
    (got,) = await played.claim(disk=1000)
    assert got.disk_reserved_bytes == 0
    await played.submit_metadata(got.lease, torrent.info)
    reserved = "SELECT disk_reserved_bytes FROM leases WHERE transfer_id = $1"
    assert await jobs.value(reserved, uuid.UUID(got.lease.transfer_id)) == 900_000
