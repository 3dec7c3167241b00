"""The doorbell, the feed, and the sweeps that make up for what was lost."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

from google.protobuf.json_format import MessageToDict

from tests.integration.jobs.conftest import MakeAgent, MakeSample, own_world, settled
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import JOIN_SECRET, Service, eventually, refused, running
from tseeder import subjects
from tseeder.common.v1 import feed_pb2
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as ops
from tseeder_bus import Bus, Messages, connect
from tseeder_kit.errors import Kind
from tseeder_pg import connection


async def heard(messages: Messages, subject: str) -> None:
    """Waits for a ring of this subject."""
    others: Counter[str] = Counter()
    try:
        async with asyncio.timeout(60):
            async for message in messages:
                if message.subject == subject:
                    return
                others[message.subject] += 1
    except TimeoutError:
        raise AssertionError(f"{subject} was not rung, but {dict(others)}") from None


async def connected(bus: Bus) -> None:
    """Once it is."""

    async def up() -> bool:
        return bus.connected

    await eventually(up)


async def test_who_waits_is_rung_for(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000)
    user = jobs.user()
    async with connect(jobs.world.nats_url, name="test") as bus:
        await connected(bus)
        async with bus.listen(subjects.JOBS_AVAILABLE) as work, bus.listen("jobs.job.*.changed") as changes:
            job = await user.submit(torrent=torrent.torrent.read_bytes())
            await heard(work, subjects.JOBS_AVAILABLE)
            await heard(changes, subjects.job_changed(job.job_id))
            await heard(work, subjects.JOBS_AVAILABLE)  # the sweep, too, as long as it waits
            played = await agent()
            async with bus.listen(subjects.agent_orders(played.agent_id)) as orders:
                lease = await played.claim_one()
                await heard(changes, subjects.job_changed(job.job_id))
                await user.cancel(job)
                await heard(orders, subjects.agent_orders(played.agent_id))
                await heard(changes, subjects.job_changed(job.job_id))
                assert (await played.beat(lease)).lost == [lease]


async def test_the_feed_tells_readers_everything_in_order(
    postgres: Any, migrated_template: str, nats_url: str, rclone_server: Any, tmp_path: Any, sample: MakeSample
) -> None:
    name = "jobs_feed"
    async with own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, name) as world:
        async with running(world, feed_readers=("mirror",)) as service:
            user, operator = service.user(), service.operator("support")

            async def page(after_seq: int, reader: str = "mirror", limit: int = 100) -> feed_pb2.ListEventsResponse:
                request = feed_pb2.ListEventsRequest(reader=reader, after_seq=after_seq, limit=limit)
                return await operator.call(service.feed.ListEvents, request)

            assert (await page(0)).head_seq == 0
            data = (await sample(1000)).torrent.read_bytes()
            made = [(await user.submit(torrent=data)).job_id for _ in range(3)]
            await user.delete(made[1])

            async def all_stamped() -> bool:
                return (await page(0)).head_seq >= 4

            await eventually(all_stamped)
            first = await page(0, limit=2)
            rest = await page(first.events[-1].seq)
            events = [*first.events, *rest.events]
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert rest.head_seq == len(events)
            told = [(event.type, event.entity_id) for event in events]
            assert told[:3] == [("job.changed", job_id) for job_id in made]
            assert told[-1] == ("job.deleted", made[1])
            payload = MessageToDict(events[0].payload)
            assert payload == {"user_id": str(user.user_id), "state": "queued", "version": payload["version"]}

            assert (await page(len(events))).events == []

            async def trimmed() -> bool:
                return bool(await service.value("SELECT count(*) = 0 FROM feed"))

            await eventually(trimmed)
            assert (await refused("out_of_range", page(0))).kind is Kind.RANGE
            assert (await refused("reader_unknown", page(0, reader="stranger"))).kind is Kind.NOT_FOUND
            request = feed_pb2.ListEventsRequest(reader="mirror")
            await refused("scope_missing", user.call(service.feed.ListEvents, request))


async def test_sweeps_carry_through_what_a_crash_left(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    """Jobs died after an object was stored and before its jobs were told; and after a transfer failed, before its
    jobs did."""
    user = jobs.user()
    torrent, other = await sample(1000), await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    await played.send(lease, [])
    described = await played.describe(lease)
    plans = await played.plan(lease, [pb.WriteIntent(file_index=0, size_bytes=1000, crc32=1)])
    await played.confirm(lease, [await played.write(plans[0], torrent.path_of(torrent.files[0]).read_bytes())])
    async with connection(jobs.pool) as held:
        await held.execute(
            "UPDATE objects SET state = 'stored', stored_at = clock_timestamp() WHERE object_key = $1",
            plans[0].object_key,
        )
    await user.reaches(job, model.JOB_STATE_COMPLETED)
    assert await played.finish(lease, described.header.wanted_version)

    stranded = await user.submit(torrent=other.torrent.read_bytes())
    transfer_id = uuid.UUID(await jobs.transfer_of(stranded))
    async with connection(jobs.pool) as held:
        await held.execute(
            """UPDATE transfers SET state = 'failed', reason_code = 'died', reason_message = 'In words.',
                   ended_at = clock_timestamp() WHERE transfer_id = $1""",
            transfer_id,
        )
    failed = await user.reaches(stranded, model.JOB_STATE_FAILED)
    assert (failed.reason.code, failed.reason.message) == ("died", "In words.")
    await settled(jobs)


async def test_an_upload_that_nobody_wants_is_aborted_after_its_grace(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(6 << 20)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    body = torrent.path_of(torrent.files[0]).read_bytes()[: 5 << 20]
    plans = await played.plan(lease, [pb.WriteIntent(file_index=0, part_number=1, size_bytes=len(body), crc32=1)])
    await played.write(plans[0], body)
    await user.cancel(job)

    async def aborted() -> bool:
        state = await jobs.value("SELECT state FROM uploads WHERE s3_upload_id = $1", plans[0].s3_upload_id)
        return state in (None, "aborted")

    await eventually(aborted)
    await settled(jobs)


async def test_two_replicas_side_by_side(jobs: Service, s3_client: Any, sample: MakeSample) -> None:
    """One takes the submit, the other gives the lease; a call may go to either."""
    torrent = await sample(1000, 2000)
    user = jobs.user()
    async with running(jobs.world, lease_seconds=600, self_stop_seconds=400) as replica:
        job = await user.submit(torrent=torrent.torrent.read_bytes())
        there = Agent(replica, s3_client)
        await there.register()
        lease = await there.claim_one()
        here = Agent(jobs, s3_client, there.agent_id, there.boot_id, there.credential)
        assert (await here.beat(lease)).renewed == [lease]
        await here.run(lease, torrent)
        assert (await user.job(job)).state == model.JOB_STATE_COMPLETED


async def test_operators_see_and_do(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user, admin, support = jobs.user(), jobs.operator(), jobs.operator("support")
    torrent = await sample(1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.claim_one()
    listed = await support.call(jobs.operators.ListAgents, ops.ListAgentsRequest())
    mine = next(a for a in listed.agents if a.agent_id == played.agent_id)
    assert (mine.leases, mine.transfers_capacity, mine.cordoned, mine.boot_id) == (1, 8, False, played.boot_id)

    cordon = ops.SetCordonRequest(agent_id=played.agent_id, cordoned=True)
    assert (await admin.call(jobs.operators.SetCordon, cordon)).cordoned
    assert (await played.beat()).cordoned
    await jobs.user().submit(torrent=(await sample(10)).torrent.read_bytes())
    assert await played.claim() == []
    cordon.cordoned = False
    await admin.call(jobs.operators.SetCordon, cordon)
    assert len(await played.claim()) == 1
    nobody = ops.SetCordonRequest(agent_id="nobody", cordoned=True)
    assert (await refused("agent_not_found", admin.call(jobs.operators.SetCordon, nobody))).kind is Kind.NOT_FOUND

    end = ops.TerminateJobRequest(job_id=job.job_id, reason=model.Reason(code="abuse", message="Ticket 7."))
    for who, code in ((user, "scope_missing"), (support, "scope_missing")):
        await refused(code, who.call(jobs.operators.TerminateJob, end))
    posing = user.with_scopes("admin:read", "admin:write")
    await refused("role_too_low", posing.call(jobs.operators.TerminateJob, end))
    ended = await admin.call(jobs.operators.TerminateJob, end)
    assert (ended.state, ended.reason.code) == (model.JOB_STATE_CANCELLED, "abuse")
    assert (await user.job(job)).reason.message == "Ticket 7."
    assert JOIN_SECRET not in str(listed)
