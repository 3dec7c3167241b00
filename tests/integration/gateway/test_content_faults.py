"""What a reader sees when S3 breaks, and what becomes of a reader that stops reading."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from uuid import UUID

import aiohttp
import pytest

from tests.integration.auth.running import eventually
from tests.integration.gateway.conftest import Library, MakeDoor, MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door
from tests.integration.jobs.playing import Agent, agents_s3
from tseeder_kit.telemetry import exposition

BIG = "big.bin"


@pytest.fixture
def begun(door: Door, user: Caller, library: Library) -> str:
    """A request for the big file, in full."""
    return f"GET {library.url(BIG)} HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n\r\n"


@pytest.mark.parametrize("at", ["connect", "headers"])
async def test_before_the_first_byte_it_is_a_problem(door: Door, user: Caller, library: Library, at: str) -> None:
    if at == "connect":
        door.upstream.flaky.refuse()
    else:
        door.upstream.flaky.cut(20)
    for headers in ({}, {"Range": "bytes=5-9"}, {"Range": "bytes=0-1,5-6"}):
        answer = await door.call("GET", library.url(BIG), user=user, headers=headers)
        assert (answer.status, answer.code) == (503, "storage_unavailable")
        assert answer.headers["Retry-After"] == "1"
    assert (await door.call("HEAD", library.url(BIG), user=user)).status == 200
    door.upstream.flaky.heal()
    assert (await door.call("GET", library.url(BIG), user=user)).body == library.contents[BIG]


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=10-"}, {"Range": "bytes=0-6000000,7000000-9000000"}])
async def test_in_the_middle_the_connection_is_cut(
    door: Door, user: Caller, library: Library, headers: dict[str, str]
) -> None:
    door.upstream.flaky.cut(3_000_000)
    sent = {**user.headers, **headers}
    async with door.http.get(door.url + library.url(BIG), headers=sent) as answer:
        assert answer.status in (200, 206)
        assert int(answer.headers["Content-Length"]) > 6_000_000
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_what_arrived_before_the_cut_is_right(door: Door, begun: str, library: Library) -> None:
    door.upstream.flaky.cut(1_000_000)
    received = await door.raw(begun.encode())
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert 900_000 < len(body) < 1_000_000
    assert library.contents[BIG].startswith(body)


async def test_an_object_that_is_gone_is_no_short_answer(
    door: Door, user: Caller, agent: Agent, sample: MakeSample
) -> None:
    torrent = await sample({"a.bin": 100})
    job_id = await submitted(door, user, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    (file,) = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    sql = "SELECT o.object_key FROM objects o JOIN files f USING (entry_id) WHERE f.file_id = $1 AND o.state = 'stored'"
    server = door.upstream.jobs.world.s3
    async with agents_s3(replace(server, agent=server.jobs)) as s3:
        await s3.delete_object(Bucket=server.bucket, Key=await door.upstream.jobs.value(sql, UUID(file["file_id"])))
    answer = await door.call("GET", f"/v1/files/{file['file_id']}/content", user=user)
    assert (answer.status, answer.code) == (503, "storage_unavailable")


async def test_a_reader_that_stops_reading_is_dropped(
    make_door: MakeDoor, user: Caller, library: Library, begun: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = await make_door(stalled_reader_seconds=0.3)
    with caplog.at_level("INFO"), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", door.http_port))
        await loop.sock_sendall(client, begun.encode())

        async def dropped() -> bool:
            return outcomes(caplog) == ["reader_stalled"] and door.upstream.flaky.open == 0

        await eventually(dropped)
        assert (await door.call("GET", library.url("notes.txt"), user=user)).status == 200


def outcomes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """How answers ended that did not end well."""
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line["outcome"] for line in lines if "outcome" in line]


async def test_a_reader_that_leaves_ends_the_read_from_s3(door: Door, begun: str) -> None:
    flaky = door.upstream.flaky
    _, writer = await asyncio.open_connection("127.0.0.1", door.http_port, limit=4096)
    writer.write(begun.encode())

    async def reading() -> bool:
        return flaky.open > 0

    async def ended() -> bool:
        return flaky.open == 0

    await eventually(reading)
    writer.transport.abort()
    await eventually(ended)


async def test_what_is_not_stored_is_waited_for(door: Door, user: Caller, sample: MakeSample) -> None:
    job_id = await submitted(door, user, await sample({"a.bin": 100}))
    files = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    path = f"/v1/files/{files[0]['file_id']}/content"
    head = await door.call("HEAD", path, user=user)  # what it will be is known
    assert (head.status, head.headers["Content-Length"]) == (200, "100")
    answer = await door.call("GET", path, user=user)  # no agent has it
    assert (answer.status, answer.headers["Retry-After"]) == (409, "5")
    assert answer.code == "not_stored_yet"
    assert answer.json["details"]["reason"] == "file_not_stored"
    await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)
    assert (await door.call("GET", f"/v1/files/{files[0]['file_id']}/content", user=user)).code == "file_not_found"


async def test_bytes_are_counted(door: Door, user: Caller, library: Library) -> None:
    def counted() -> float:
        lines = exposition().decode().splitlines()
        return float(next(line for line in lines if line.startswith("tseeder_gateway_content_bytes_total ")).split()[1])

    before = counted()
    await door.call("GET", library.url("film.mp4"), user=user, headers={"Range": "bytes=0-99"})
    assert counted() - before == 100
