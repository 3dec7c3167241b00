"""A job, live: nothing is missed, nothing hangs, and nobody watches longer than he may."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from tests.integration.auth.running import eventually, running_auth
from tests.integration.gateway.conftest import MakeDoor, MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door, browsing, running, signed_in, with_scopes
from tests.integration.gateway.streams import Event, watching
from tests.integration.jobs.playing import Agent
from tseeder import subjects
from tseeder.agent.v1.progress_pb2 import Progress
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_bus import Bus, connect
from tseeder_gateway.main import build
from tseeder_testkit.torrents import Sample

DEAD = "nats://127.0.0.1:1"


@pytest.fixture(scope="session")
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """What agents ring with."""
    async with connect(nats_url, name="gateway-tests") as bus:
        await eventually(lambda: asyncio.sleep(0, bus.connected))
        yield bus


@pytest.fixture
async def torrent(sample: MakeSample) -> Sample:
    """Two small files."""
    return await sample({"a.bin": 5000, "b.bin": 6000})


@pytest.fixture
async def job(door: Door, user: Caller, torrent: Sample) -> AsyncIterator[str]:
    """A queued job of `user`."""
    job_id = await submitted(door, user, torrent)
    yield job_id
    await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)


def progress(job_id: str, downloaded: int) -> bytes:
    message = Progress(
        job_id=job_id, state=model.TRANSFER_STATE_DOWNLOADING, downloaded_bytes=downloaded, wanted_bytes=11_000, peers=3
    )
    return message.SerializeToString()


async def test_from_the_snapshot_to_the_end(
    door: Door, user: Caller, job: str, agent: Agent, torrent: Sample, bus: Bus
) -> None:
    async with watching(door, job, user) as stream:
        first = await stream.next()
        assert first is not None
        assert (first.kind, first.data["state"], first.data["progress"]) == ("snapshot", "queued", None)
        assert first.id == str(first.data["version"])
        lease = await lease_of(agent, job)
        await bus.ring(subjects.job_progress(job), progress(job, 1234))
        advanced = await stream.until("progress")
        assert advanced.data == {
            "job_id": job,
            "state": "downloading",
            "wanted_bytes": 11_000,
            "downloaded_bytes": 1234,
            "uploaded_bytes": 0,
            "download_rate": 0,
            "upload_rate": 0,
            "peers": 3,
            "seeds": 0,
            "eta_seconds": None,
            "epoch": 0,
        }
        await agent.run(lease, torrent)
        rest = await stream.rest()
    assert rest[-1] == Event("end", {"reason": "completed"})
    assert (rest[-2].kind, rest[-2].data["state"], rest[-2].data["stored_files"]) == ("job", "completed", 2)
    versions = [int(first.id), *(int(event.id) for event in rest if event.kind == "job")]
    assert versions == sorted(set(versions))


async def test_a_late_watcher_is_told_the_last_progress(door: Door, user: Caller, job: str, bus: Bus) -> None:
    async with watching(door, job, user) as early:
        await early.until("snapshot")
        await bus.ring(subjects.job_progress(job), progress(job, 77))
        await early.until("progress")
        async with watching(door, job, user) as late:
            snapshot = await late.until("snapshot")
    assert snapshot.data["progress"]["downloaded_bytes"] == 77


async def test_an_ended_job_is_told_at_once(door: Door, user: Caller, job: str) -> None:
    cancelled = await door.call("POST", f"/v1/jobs/{job}/cancel", user=user)
    assert cancelled.status == 200, cancelled
    version = cancelled.json["version"]
    async with watching(door, job, user) as stream:
        assert [event.kind for event in await stream.rest()] == ["snapshot", "end"]
    async with watching(door, job, user, {"Last-Event-ID": str(version)}) as stream:
        assert await stream.rest() == [Event("end", {"reason": "cancelled"})]


async def test_last_event_id_saves_the_snapshot_that_is_known(door: Door, user: Caller, job: str) -> None:
    async with watching(door, job, user) as stream:
        seen = await stream.until("snapshot")
    async with watching(door, job, user, {"Last-Event-ID": seen.id}) as stream:
        await door.call("POST", f"/v1/jobs/{job}/pause", user=user)
        event = await stream.next()
        assert event is not None
        assert (event.kind, event.data["state"]) == ("job", "paused")
        assert int(event.id) > int(seen.id)
    for known in ("0", "nonsense", str(int(event.id) + 5)):
        async with watching(door, job, user, {"Last-Event-ID": known}) as stream:
            assert (await stream.until("snapshot")).data["state"] == "paused"


async def test_two_changes_in_a_row_are_told_without_a_pause(make_door: MakeDoor, user: Caller, job: str) -> None:
    door = await make_door(events_gap_seconds=600)
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        for verb, state in (("pause", "paused"), ("resume", "queued")):
            await door.call("POST", f"/v1/jobs/{job}/{verb}", user=user)
            assert (await stream.until("job")).data["state"] == state


async def test_a_job_that_changes_all_the_time_is_read_now_and_then(
    make_door: MakeDoor, user: Caller, job: str, bus: Bus
) -> None:
    door = await make_door(events_gap_seconds=600)
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        for number in range(8):
            await door.call("PATCH", f"/v1/jobs/{job}", user=user, json={"name": f"{number}"})
        told = []
        for number in range(50):
            await bus.ring(subjects.job_changed(job), b"")
            await bus.ring(subjects.job_progress(job), progress(job, number))
            while (event := await stream.next()) is not None and event.kind != "progress":
                told.append(event)
        assert 1 <= len(told) <= 4


async def test_a_deleted_job_ends_the_stream(door: Door, user: Caller, job: str) -> None:
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        await door.call("DELETE", f"/v1/jobs/{job}", user=user)
        assert (await stream.rest())[-1] == Event("end", {"reason": "deleted"})


async def test_somebody_else_s_job_is_not_there(door: Door, stranger: Caller, job: str) -> None:
    answer = await door.call("GET", f"/v1/jobs/{job}/events", user=stranger)
    assert (answer.status, answer.code) == (404, "job_not_found")


async def test_without_nats_changes_come_by_reading_again(make_door: MakeDoor, user: Caller, job: str) -> None:
    door = await make_door(nats_url=DEAD, events_reread_seconds=0.2)
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        await door.call("POST", f"/v1/jobs/{job}/pause", user=user)
        assert (await stream.until("job")).data["state"] == "paused"


async def test_pings(make_door: MakeDoor, user: Caller, job: str) -> None:
    door = await make_door(events_ping_seconds=0.1)
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        await stream.until("comment")
        await stream.until("comment")


async def test_many_progress_messages_do_not_pile_up(door: Door, user: Caller, job: str, bus: Bus) -> None:
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        for number in range(2000):
            await bus.ring(subjects.job_progress(job), progress(job, number))
        seen = [(await stream.until("progress")).data["downloaded_bytes"]]
        while seen[-1] != 1999:
            seen.append((await stream.until("progress")).data["downloaded_bytes"])
        assert seen == sorted(seen)


async def test_what_is_no_progress_of_this_job_is_not_passed_on(door: Door, user: Caller, job: str, bus: Bus) -> None:
    async with watching(door, job, user) as stream:
        await stream.until("snapshot")
        await bus.ring(subjects.job_progress(job), b"\xff\xff\xff")
        await bus.ring(subjects.job_progress(job), progress("00000000-0000-0000-0000-000000000000", 1))
        await bus.ring(subjects.job_progress(job), progress(job, 11_001))
        await bus.ring(subjects.job_progress(job), progress(job, -1))
        await bus.ring(subjects.job_progress(job), progress(job, 2))
        assert (await stream.until("progress")).data["downloaded_bytes"] == 2


async def test_a_session_that_ends_ends_its_streams(make_door: MakeDoor, sample: MakeSample) -> None:
    door = await make_door(events_reread_seconds=0.2)
    person = await browsing(door)
    job_id = await submitted(door, person, await sample({"a": 10}))
    async with watching(door, job_id, person) as stream:
        await stream.until("snapshot")
        assert (await door.call("POST", "/v1/auth/logout", user=person)).status == 204
        assert (await stream.rest())[-1] == Event("end", {"reason": "unauthenticated"})


async def test_a_key_that_is_revoked_ends_its_streams(make_door: MakeDoor, sample: MakeSample) -> None:
    door = await make_door(events_reread_seconds=0.2)
    person = await signed_in(door.upstream)
    job_id = await submitted(door, person, await sample({"a": 10}))
    async with watching(door, job_id, person) as stream:
        await stream.until("snapshot")
        (key,) = (await door.call("GET", "/v1/me/api-keys", user=person)).json["items"]
        assert (await door.call("DELETE", f"/v1/me/api-keys/{key['key_id']}", user=person)).status == 204
        assert (await stream.rest())[-1] == Event("end", {"reason": "unauthenticated"})


async def test_who_is_suspended_or_signed_out_loses_his_streams(make_door: MakeDoor, sample: MakeSample) -> None:
    """Though nothing is read for them, and a gateway that remembers identities for as long as any may."""
    door = await make_door(events_recheck_seconds=0.1, identity_cache_seconds=0.5)
    person = await browsing(door)
    job_id = await submitted(door, person, await sample({"a": 10}))
    with_key = await with_scopes(door.upstream, person, "jobs:read")
    operator = await signed_in(door.upstream, auth_pb2.ROLE_ADMIN)
    why = {"reason": "it is being tested", "ticket_id": "T-1"}
    account = f"/v1/admin/users/{person.user_id}"
    async with watching(door, job_id, person) as stream, watching(door, job_id, with_key) as by_key:
        await stream.until("snapshot")
        await by_key.until("snapshot")
        out = await door.call("POST", f"{account}/force-logout", user=operator, json=why)
        assert (out.status, out.json["ended"] >= 1) == (200, True)
        assert (await stream.rest())[-1] == Event("end", {"reason": "unauthenticated"})
        assert (await door.call("POST", f"{account}/suspend", user=operator, json=why)).json["suspended"]
        assert (await by_key.rest())[-1] == Event("end", {"reason": "forbidden"})
    assert (await door.call("GET", "/v1/jobs", user=person)).code == "session_invalid"
    assert (await door.call("GET", "/v1/jobs", user=with_key)).code == "account_suspended"
    assert (await door.call("POST", f"{account}/reinstate", user=operator, json=why)).status == 200
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=with_key)).status == 200


async def test_a_right_that_cannot_be_asked_for_does_not_last(door: Door, user: Caller, job: str) -> None:
    """An auth service of the test's own, on the same accounts, that goes away."""
    upstream = door.upstream
    folder = upstream.jobs.world.folder
    async with AsyncExitStack() as stack:
        auth = await stack.enter_async_context(
            running_auth(upstream.jobs.world.database.urls["auth"], upstream.nats_url, folder)
        )
        own = replace(upstream, auth=auth)
        async with running(own, events_reread_seconds=0.1, events_blind_seconds=0.5) as watched:
            async with watching(watched, job, user) as stream:
                await stream.until("snapshot")
                await stack.aclose()
                before = _asked()
                assert [event.kind for event in await stream.rest()] == []
                assert 1 <= _asked() - before <= 5, "who is away is not asked all the time"


def _asked() -> float:
    """How often an identity was asked for."""
    samples = [each for metric in REGISTRY.collect() for each in metric.samples]
    counts = [each for each in samples if each.name == "tseeder_rpc_client_seconds_count"]
    return sum(each.value for each in counts if each.labels["method"].endswith("Exchange"))


async def test_a_gateway_that_stops_ends_its_streams_without_an_end_event(door: Door, user: Caller, job: str) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(build(door.upstream.settings(shutdown_seconds=10)))
        own = replace(door, http_port=gateway.http_port)
        async with watching(own, job, user) as stream:
            await stream.until("snapshot")
            reading = asyncio.create_task(stream.rest())
            async with asyncio.timeout(5):
                await stack.aclose()
            assert await reading == []
    async with watching(door, job, user) as again:
        await again.until("snapshot")


async def test_one_user_has_so_many_streams(make_door: MakeDoor, user: Caller, job: str) -> None:
    door = await make_door(events_per_user=2)
    async with watching(door, job, user) as one:
        await one.until("snapshot")
        async with watching(door, job, user) as two:
            await two.until("snapshot")
            refused = await door.call("GET", f"/v1/jobs/{job}/events", user=user)
            assert (refused.status, refused.code) == (429, "too_many_streams")

    await door.call("POST", f"/v1/jobs/{job}/cancel", user=user)

    async def there_is_room() -> bool:
        return (await door.call("GET", f"/v1/jobs/{job}/events", user=user)).status == 200

    await eventually(there_is_room)


async def test_a_watcher_that_takes_nothing_is_dropped(make_door: MakeDoor, user: Caller, job: str) -> None:
    door = await make_door(stalled_reader_seconds=0.3, events_ping_seconds=0.00001, events_per_user=1)
    request = f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", door.http_port))
        await loop.sock_sendall(client, request.encode())
        await loop.sock_recv(client, 1)

        async def dropped() -> bool:
            async with door.http.get(f"{door.url}/v1/jobs/{job}/events", headers=user.headers) as answer:
                return answer.status == 200

        assert not await dropped()
        await eventually(dropped)
