"""Why a job is where it is, told to its owner alone, with his own trackers alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeSample, NewWorld, clear, settled
from tests.integration.jobs.playing import GIB, Agent
from tests.integration.jobs.running import Service, User, World, refused, running
from tests.integration.jobs.test_quota import on_plan
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import jobs_pb2 as jobs_pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as ops

DOWNLOADING = model.TRANSFER_STATE_DOWNLOADING
ONE, TWO = "http://127.0.0.1:1/announce/passkey-of-one", "http://127.0.0.1:1/announce/passkey-of-two"
SHARED = "http://127.0.0.1:2/announce"


@pytest.fixture(scope="module")
async def diagnosed_world(new_world: NewWorld) -> AsyncIterator[World]:
    """A database of their own: what agents there are is what these tests are about."""
    async with new_world("jobs_diagnosis") as made:
        yield made


@pytest.fixture(scope="module")
async def module_service(diagnosed_world: World) -> AsyncIterator[Service]:
    async with running(diagnosed_world, lease_seconds=600, self_stop_seconds=400) as service:
        yield service


@pytest.fixture
async def jobs(module_service: Service) -> AsyncIterator[Service]:
    """The file's service; no agent is known to it, and nothing waits."""
    module_service.users.clear()
    yield module_service
    try:
        await settled(module_service)
    finally:
        await clear(module_service)
        await module_service.rows("DELETE FROM agents")


async def joined(jobs: Service, s3: Any, *, slots: int = 8, disk: int = 100 * GIB) -> Agent:
    """An agent of this size."""
    made = Agent(jobs, s3)
    await made.register(capacity=pb.Capacity(transfers=slots, disk_bytes=disk))
    return made


async def verdict(user: User, job: model.Job) -> str:
    return (await user.diagnosis(job)).verdict


async def cordon(jobs: Service, agent: Agent, cordoned: bool) -> None:
    request = ops.SetCordonRequest(agent_id=agent.agent_id, cordoned=cordoned)
    admin = jobs.operator()
    await admin.call(jobs.operators.SetCordon, request)


async def test_what_a_transfer_waits_for(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(3000)).torrent.read_bytes())
    found = await user.diagnosis(job)
    assert (found.verdict, found.state) == ("no_agents", model.JOB_STATE_QUEUED)
    assert (found.queue.agents_alive, found.queue.disk_needed_bytes) == (0, 3000)
    assert found.since.ToDatetime() >= job.created_at.ToDatetime()
    assert not found.HasField("swarm")
    assert not found.HasField("quota")

    agent = await joined(jobs, s3_client, slots=1)
    assert await verdict(user, job) == "waiting_turn"
    await cordon(jobs, agent, True)
    assert await verdict(user, job) == "agents_closed"
    await cordon(jobs, agent, False)
    await agent.beat(draining=True)
    assert await verdict(user, job) == "agents_closed"
    await agent.beat()
    assert await verdict(user, job) == "waiting_turn"

    lease = await agent.claim_one()
    found = await user.diagnosis(job)
    assert (found.verdict, found.state) == ("moving", model.JOB_STATE_DOWNLOADING)
    assert not found.HasField("queue")
    other = await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    found = await user.diagnosis(other)
    assert (found.verdict, found.queue.agents_alive, found.queue.agents_taking) == ("agents_full", 1, 0)
    await agent.release(lease)
    assert await verdict(user, job) == "waiting_turn"
    assert await verdict(user, other) == "own_transfers_first"
    assert (await user.diagnosis(other)).queue.own_ahead == 1


async def test_too_little_disk_now_and_for_ever(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user = jobs.user()
    agent = await joined(jobs, s3_client, disk=5000)
    large, larger = [await user.submit(torrent=(await sample(size)).torrent.read_bytes()) for size in (4000, 3000)]
    assert await verdict(user, large) == "waiting_turn"
    await agent.claim_one()
    found = await user.diagnosis(larger)
    assert (found.verdict, found.queue.largest_agent_disk_bytes) == ("agents_lack_disk", 5000)
    assert "Select less" in found.advice
    never = await user.submit(torrent=(await sample(6000)).torrent.read_bytes())
    failed = await user.reaches(never, model.JOB_STATE_FAILED)
    assert failed.reason.code == "too_large_for_agents"
    assert await verdict(user, never) == "too_large"


async def test_ones_own_limit_and_nobody_elses(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user, guest = await on_plan(jobs, running=1), jobs.user()
    agent = await joined(jobs, s3_client)
    await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    await agent.claim_one()
    data = (await sample(20)).torrent.read_bytes()
    waiting = await user.submit(torrent=data)
    theirs = await guest.submit(torrent=data)  # waits on the same transfer, which the first one pays
    found = await user.diagnosis(waiting)
    assert found.verdict == "running_limit"
    assert (found.queue.own_running, found.queue.running_limit) == (1, 1)
    found = await guest.diagnosis(theirs)
    assert (found.verdict, found.queue.own_running, found.queue.own_ahead) == ("waiting_turn", 0, 0)


async def test_attempts_and_when_it_is_tried_again(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user, torrent = jobs.user(), await sample(10)
    job = await user.submit(magnet=torrent.magnet())
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    assert (await user.diagnosis(job)).message == "An agent is asking peers what this magnet is."
    timeout = model.Reason(code="metadata_timeout", message="No peer told what this magnet is in time.")
    await agent.release(lease, reason=timeout, not_before_seconds=600, spends_attempt=True)
    found = await user.diagnosis(job)
    assert (found.verdict, found.attempts_spent) == ("metadata_not_found", 1)
    assert found.attempts_allowed == jobs.settings.max_attempts
    assert found.retry_at.ToDatetime() > found.since.ToDatetime()
    (attempt,) = found.attempts
    assert (attempt.epoch, attempt.outcome, attempt.reason.code) == (1, "released", "metadata_timeout")
    assert attempt.agent_id == ""

    await jobs.rows("UPDATE transfers SET not_before = clock_timestamp() WHERE state = 'queued'")
    for epoch in range(3, 26):  # release and claim raise it
        lease = await agent.claim_one()
        await agent.release(lease, reason=model.Reason(code="agent_error", message=f"Round {epoch}."))
    lease = await agent.claim_one()
    broken = model.Reason(code="agent_error", message="The agent failed.")
    await agent.release(lease, reason=broken, not_before_seconds=600)
    found = await user.diagnosis(job)
    assert (found.verdict, found.HasField("retry_at")) == ("backing_off", True)
    assert "The agent failed." in found.message
    epochs = [attempt.epoch for attempt in found.attempts]
    assert epochs == sorted(epochs, reverse=True)
    assert len(epochs) == 20


def seen(*trackers: str, **fields: Any) -> model.SwarmEvidence:
    told = [
        model.TrackerEvidence(url=url, state=model.TRACKER_STATE_REFUSES, message=f"no: {url[-3:]}", fails=2)
        for url in trackers
    ]
    return model.SwarmEvidence(trackers=told, **{"quiet_seconds": 61.5, "dht_nodes": 3, **fields})


REFUSE = model.Reason(code="trackers_refuse", message="The trackers refuse this torrent.")


async def test_ones_many_trackers_keep_nobody_elses_from_being_asked(
    jobs: Service, s3_client: Any, sample: MakeSample
) -> None:
    first, second, torrent = jobs.user(), jobs.user(), await sample(10)
    many = [f"http://many.example/{number}/announce" for number in range(60)]
    await first.submit(torrent=torrent.torrent_bytes(trackers=many))
    await second.submit(torrent=torrent.torrent_bytes(trackers=[TWO, SHARED]))
    agent = await joined(jobs, s3_client)
    described = await agent.describe(await agent.claim_one())
    asked = list(described.header.trackers)
    assert asked[:4] == [many[0], TWO, many[1], SHARED]
    assert asked[4:] == many[2:48]


async def test_two_users_of_one_transfer_see_their_own_trackers(
    jobs: Service, s3_client: Any, sample: MakeSample
) -> None:
    first, second, torrent = jobs.user(), jobs.user(), await sample(10)
    one = await first.submit(torrent=torrent.torrent_bytes(trackers=[ONE, SHARED]))
    two = await second.submit(torrent=torrent.torrent_bytes(trackers=[TWO, SHARED]))
    assert await jobs.transfer_of(one) == await jobs.transfer_of(two)
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    await agent.report(lease, DOWNLOADING, REFUSE, seen(ONE, TWO, SHARED, "http://nobodys.example/announce"))
    for user, job, own in ((first, one, ONE), (second, two, TWO)):
        found = await user.diagnosis(job)
        assert found.verdict == "trackers_refuse"
        assert [tracker.url for tracker in found.swarm.trackers] == [own, SHARED]
        tracker = found.swarm.trackers[0]
        assert (tracker.state, tracker.fails) == (model.TRACKER_STATE_REFUSES, 2)
        assert tracker.message == f"no: {own[-3:]}"
        assert (found.swarm.quiet_seconds, found.swarm.dht_nodes) == (61.5, 3)
        assert found.HasField("swarm_seen_at")
        other = TWO if own == ONE else ONE
        assert other.encode() not in found.SerializeToString()

    # Nothing of it can be read in the database, and it is still shown after the end.
    (row,) = await jobs.rows("SELECT s.*, s::text AS whole FROM sightings s")
    cells = [bytes(cell) if isinstance(cell, bytes) else str(cell).encode() for cell in row.values()]
    for needle in (b"passkey-of", b"nobodys.example", b"announce", b"refuses"):
        assert not any(needle in cell or needle.hex().encode() in cell for cell in cells)
    await agent.fail(lease, "trackers_refuse", "Nobody has it.")
    found = await first.diagnosis(one)
    assert (found.verdict, found.message, found.state) == (
        "trackers_refuse",
        "Nobody has it.",
        model.JOB_STATE_FAILED,
    )
    assert [tracker.url for tracker in found.swarm.trackers] == [ONE, SHARED]
    assert found.attempts[0].outcome == "failed"


@pytest.mark.parametrize("end", ["deleted", "cancelled", "completed"])
async def test_what_was_seen_goes_when_nobody_needs_it_any_more(
    jobs: Service, s3_client: Any, sample: MakeSample, end: str
) -> None:
    """It names trackers with their passkeys. (What failed is still explained, until its last job goes.)"""
    user, torrent = jobs.user(), await sample(10)
    job = await user.submit(torrent=torrent.torrent_bytes(trackers=[ONE]))
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    await agent.report(lease, DOWNLOADING, REFUSE, seen(ONE))
    assert await jobs.value("SELECT count(*) FROM sightings") == 1
    if end == "completed":
        await agent.run(lease, torrent)
    elif end == "cancelled":
        await user.cancel(job)
    else:
        await agent.fail(lease, "trackers_refuse", "Nobody has it.")
        assert await jobs.value("SELECT count(*) FROM sightings") == 1
        await user.delete(job)
    assert await jobs.value("SELECT count(*) FROM sightings") == 0


async def test_a_job_that_is_deleted_takes_nobody_elses_explanation_with_it(
    jobs: Service, s3_client: Any, sample: MakeSample
) -> None:
    first, second, torrent = jobs.user(), jobs.user(), await sample(10)
    one = await first.submit(torrent=torrent.torrent_bytes(trackers=[ONE]))
    two = await second.submit(torrent=torrent.torrent_bytes(trackers=[TWO]))
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    await agent.report(lease, DOWNLOADING, REFUSE, seen(ONE, TWO))
    await agent.fail(lease, "trackers_refuse", "Nobody has it.")
    await first.delete(one)
    assert [tracker.url for tracker in (await second.diagnosis(two)).swarm.trackers] == [TWO]
    await second.delete(two)
    assert await jobs.value("SELECT count(*) FROM sightings") == 0


async def test_what_was_seen_stands_until_its_holder_sees_more(
    jobs: Service, s3_client: Any, sample: MakeSample
) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    old, new = await joined(jobs, s3_client), await joined(jobs, s3_client)
    lost = await old.claim_one()
    stalled = model.Reason(code="stalled", message="Nothing comes.")
    await old.report(lost, DOWNLOADING, stalled, seen(peers=5))
    first = await user.diagnosis(job)
    assert (first.verdict, first.swarm.peers) == ("stalled", 5)
    await old.report(lost, DOWNLOADING, stalled)
    again = await user.diagnosis(job)
    assert (again.swarm, again.swarm_seen_at, again.since) == (first.swarm, first.swarm_seen_at, first.since)

    await old.report(lost, DOWNLOADING, stalled, seen(peers=6))
    later = await user.diagnosis(job)
    assert (later.swarm.peers, later.since) == (6, first.since)
    assert later.swarm_seen_at.ToDatetime() > first.swarm_seen_at.ToDatetime()

    await old.release(lost)
    lease = await new.claim_one()
    await refused("lease_lost", old.report(lost, DOWNLOADING, stalled, seen(peers=99)))
    found = await user.diagnosis(job)
    assert (found.verdict, found.swarm.peers) == ("moving", 6)  # of before, and it says so
    assert found.swarm_seen_at == later.swarm_seen_at
    await new.report(lease, DOWNLOADING, None, seen(peers=7))
    found = await user.diagnosis(job)
    assert (found.verdict, found.swarm.peers) == ("moving", 7)
    assert found.swarm_seen_at.ToDatetime() > later.swarm_seen_at.ToDatetime()


async def test_an_agent_is_not_believed_about_sizes_and_text(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user = jobs.user()
    own = [f"http://127.0.0.1:1/announce/{number}" for number in range(50)]
    job = await user.submit(torrent=(await sample(10)).torrent_bytes(trackers=own))
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    told = seen("http://127.0.0.1:1/" + "x" * 5000, *own, *own, peers=-5, received_bytes=-1)
    told.quiet_seconds = float("nan")
    told.trackers[1].message = "no\0 way\x1b[31m\u202e" + "x" * 10_000
    told.trackers[2].state = 77  # type: ignore[assignment]
    await agent.report(lease, DOWNLOADING, None, told)
    swarm = (await user.diagnosis(job)).swarm
    assert [tracker.url for tracker in swarm.trackers] == own
    assert swarm.trackers[0].message.startswith("no way [31m xxx")
    assert len(swarm.trackers[0].message) == 200
    assert swarm.trackers[1].state == model.TRACKER_STATE_WAITING
    assert (swarm.peers, swarm.received_bytes, swarm.quiet_seconds) == (0, 0, 0.0)


@pytest.mark.parametrize("code", ["storage_refused", "storage_unavailable", "agent_disk_full", "peers_corrupt"])
async def test_what_an_agent_says_is_a_verdict_until_it_is_over(
    jobs: Service, s3_client: Any, sample: MakeSample, code: str
) -> None:
    user = jobs.user()
    job = await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    agent = await joined(jobs, s3_client)
    lease = await agent.claim_one()
    await agent.report(lease, DOWNLOADING, model.Reason(code=code, message="What it is."))
    expected = "agent_disk" if code == "agent_disk_full" else code
    assert await verdict(user, job) == expected
    await agent.report(lease, DOWNLOADING)
    assert await verdict(user, job) == "moving"


async def test_a_magnet_that_does_not_fit_into_the_plan(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user, torrent = await on_plan(jobs, storage=1500), await sample(1000, 2000)
    held = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    job = await user.submit(magnet=torrent.magnet())
    agent = await joined(jobs, s3_client)
    leases = [each.lease for each in await agent.claim(limit=2)]
    (magnet,) = [lease for lease in leases if lease.transfer_id == await jobs.transfer_of(job)]
    await agent.submit_metadata(magnet, torrent.info)
    await user.reaches(job, model.JOB_STATE_FAILED)
    found = await user.diagnosis(job)
    assert (found.verdict, found.quota.held_bytes, found.quota.limit_bytes) == ("quota_exceeded", 100, 1500)
    assert "upgrade" in found.advice
    assert await verdict(user, held) == "moving"


async def test_what_its_owner_did(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    user, torrent = jobs.user(), await sample(10)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    await user.pause(job)
    found = await user.diagnosis(job)
    assert (found.verdict, found.advice) == ("paused", "Resume it.")
    await user.resume(job)
    await user.cancel(job)
    assert await verdict(user, job) == "cancelled"
    await user.retry(job)
    agent = await joined(jobs, s3_client)
    await agent.run(await agent.claim_one(), torrent)
    found = await user.diagnosis(job)
    assert (found.verdict, found.advice) == ("completed", "")
    assert found.since == (await user.job(job)).finished_at
    at_once = await user.submit(torrent=torrent.torrent.read_bytes())
    assert await verdict(user, at_once) == "completed"


async def test_nobody_but_its_owner_is_told(jobs: Service, sample: MakeSample) -> None:
    owner, stranger = jobs.user(), jobs.user()
    job = await owner.submit(torrent=(await sample(10)).torrent.read_bytes())
    await refused("job_not_found", stranger.diagnosis(job))
    await refused("job_not_found", jobs.operator("superadmin").diagnosis(job))
    await refused("job_not_found", owner.diagnosis("no id"))
    request = jobs_pb.DiagnoseJobRequest(job_id=job.job_id)
    await refused("scope_missing", owner.with_scopes("files:read").call(jobs.jobs.DiagnoseJob, request))
