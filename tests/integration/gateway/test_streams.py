"""How many answers with bytes one user may have at once, and how one ends that he may have no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from uuid import UUID

import pytest

from tests.integration.gateway.conftest import MIB, Library, MakeDoor, MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door, signed_in, suspended, with_scopes
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import eventually

STREAMS = 10  # of the free plan
SLOWLY = 64 << 10


@asynccontextmanager
async def reading(door: Door, user: Caller, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """An answer whose body nobody takes yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.http_port, limit=4096)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {user.headers['Authorization']}\r\n\r\n"
        writer.write(head.encode())
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"\r\n\r\n")
        yield reader
    finally:
        writer.transport.abort()


async def begun(door: Door, user: Caller) -> int:
    """How many of the user's streams count."""
    found = await door.upstream.jobs.value("SELECT count(*) FROM streams WHERE user_id = $1", UUID(user.user_id))
    return int(found)


def down_to(door: Door, user: Caller, count: int) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return await begun(door, user) == count

    return there


async def test_a_user_has_as_many_streams_as_the_plan_allows(door: Door, user: Caller, library: Library) -> None:
    await eventually(down_to(door, user, 0))
    async with AsyncExitStack() as opened:
        for _ in range(STREAMS):
            await opened.enter_async_context(reading(door, user, library.url("big.bin")))
        for headers in ({}, {"Range": "bytes=0-1"}):
            answer = await door.call("GET", library.url("film.mp4"), user=user, headers=headers)
            assert (answer.status, answer.code) == (429, "streams_limit")
            assert int(answer.json["details"]["limit"]) == STREAMS
            assert int(answer.headers["Retry-After"]) > 0
        assert (await door.call("HEAD", library.url("film.mp4"), user=user)).status == 200  # asks for no bytes
        other = await signed_in(door.upstream)  # nobody else's
        assert (await door.call("GET", library.url("film.mp4"), user=other)).status == 404
    await eventually(down_to(door, user, 0))
    assert (await door.call("GET", library.url("film.mp4"), user=user)).status == 200


async def test_answers_without_bytes_leave_none_behind(door: Door, user: Caller, library: Library) -> None:
    await eventually(down_to(door, user, 0))
    tag = (await door.call("HEAD", library.url("film.mp4"), user=user)).headers["ETag"]
    for headers, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-Match": '"other"'}, 412),
        ({"Range": "bytes=999999999-"}, 416),
        ({}, 200),
    ):
        assert (await door.call("GET", library.url("film.mp4"), user=user, headers=headers)).status == status
    await eventually(down_to(door, user, 0))


async def test_streams_of_a_gateway_that_died_count_for_seconds_only(
    door: Door, user: Caller, library: Library
) -> None:
    """Rows that nobody renews: as old as this one."""
    await eventually(down_to(door, user, 0))
    jobs = door.upstream.jobs
    old = """INSERT INTO streams SELECT gen_random_uuid(), $1, clock_timestamp() - interval '16 s'
             FROM generate_series(1, 20)"""
    await jobs.rows(old, UUID(user.user_id))
    assert (await door.call("GET", library.url("film.mp4"), user=user)).status == 200
    await jobs.rows("DELETE FROM streams WHERE user_id = $1", UUID(user.user_id))


@pytest.mark.parametrize(
    "how",
    [
        "its key is revoked",
        "its reader is suspended",
        pytest.param("its file is given up", marks=pytest.mark.faults),
    ],
)
async def test_an_answer_ends_when_it_may_go_on_no_longer(door: Door, library: Library, how: str) -> None:
    """In the middle, and visibly: its length was announced."""
    user = await signed_in(door.upstream)
    reader = await with_scopes(door.upstream, user, "files:read")
    job_id = await submitted(door, user, library.torrent)  # stored already
    files = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    (big,) = [file for file in files if file["path"][-1] == "big.bin"]
    read = 0
    async with reading(door, reader, f"/v1/files/{big['file_id']}/content") as body:
        if how == "its key is revoked":
            keys = (await door.call("GET", "/v1/me/api-keys", user=user)).json["items"]
            (key,) = [each for each in keys if each["scopes"] == ["files:read"]]
            assert (await door.call("DELETE", f"/v1/me/api-keys/{key['key_id']}", user=user)).status == 204
        elif how == "its reader is suspended":
            await suspended(door, user)
        else:
            assert (await door.call("DELETE", f"/v1/files/{big['file_id']}", user=user)).status == 204
        await eventually(down_to(door, user, 0))  # though it takes nothing
        with suppress(ConnectionError):
            while chunk := await body.read(SLOWLY):
                read += len(chunk)
    assert read < big["size_bytes"]
    if how != "its reader is suspended":
        await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)


async def test_what_was_taken_down_is_served_no_longer(
    door: Door, make_door: MakeDoor, agent: Agent, sample: MakeSample
) -> None:
    """Neither to new requests, by whichever way, nor to one that is under way."""
    user, torrent = await signed_in(door.upstream), await sample({"big.bin": 24 * MIB})
    job_id = await submitted(door, user, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    (big,) = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
    path, read = f"/v1/files/{big['file_id']}/content", 0
    take_down = """INSERT INTO takedowns (digest_index, index_key_version, reason)
                   SELECT digest_index, index_key_version, 'a test' FROM torrent_hashes JOIN jobs USING (torrent_id)
                   WHERE job_id = $1"""
    async with reading(door, user, path) as body:
        await door.upstream.jobs.rows(take_down, UUID(job_id))
        for each in (door, await make_door(content_redirect=True)):
            for headers in ({}, {"Range": "bytes=0-1"}):
                answer = await each.call("GET", path, user=user, headers=headers)
                assert (answer.status, answer.code) == (403, "torrent_blocked")
            assert (await each.call("HEAD", path, user=user)).status == 403
        await eventually(down_to(door, user, 0), seconds=10)  # though it takes nothing
        with suppress(ConnectionError):
            while chunk := await body.read(SLOWLY):
                read += len(chunk)
    assert read < big["size_bytes"]

    async def explained() -> bool:
        told = (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json
        return (
            told["state"] == "completed" and told["reason"] is not None and told["reason"]["code"] == "torrent_blocked"
        )

    await eventually(explained)
    await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)
