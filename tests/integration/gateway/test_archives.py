"""A job's files as one archive: right to the byte, in whole and in part, and read by programs that we did not write."""

from __future__ import annotations

import asyncio
import io
import random
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from tests.integration.gateway.conftest import KIB, MIB, Library, MakeDoor, MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door, Reply, signed_in, with_scopes
from tests.integration.gateway.test_streams import STREAMS, begun, down_to, reading
from tests.integration.jobs.playing import Agent, agents_s3, pieces
from tests.integration.jobs.running import eventually
from tseeder.jobs.v1.agents_pb2 import LeaseRef
from tseeder_testkit.torrents import Sample

MANY = {f"folder {n // 50}/{n}.txt": n % 7 * 1000 for n in range(120)}


async def archive(door: Door, who: Caller, job_id: str, query: str = "", **headers: str) -> Reply:
    """The answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await door.call("GET", url(job_id) + query, user=who, headers=named)


def url(job_id: str) -> str:
    return f"/v1/jobs/{job_id}/archive.zip"


def contents_of(data: bytes) -> dict[str, bytes]:
    """By name; every CRC32 is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        return {each.filename: read.read(each) for each in read.infolist()}


async def stored(door: Door, who: Caller, agent: Agent, torrent: Sample) -> str:
    """The id of a job that is completed."""
    job_id = await submitted(door, who, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    return job_id


async def file_ids(door: Door, who: Caller, job_id: str) -> dict[str, str]:
    """By path."""
    files = (await door.call("GET", f"/v1/jobs/{job_id}/files?limit=1000", user=who)).json["items"]
    return {"/".join(file["path"]): file["file_id"] for file in files}


async def test_the_whole_job(door: Door, user: Caller, library: Library) -> None:
    answer = await archive(door, user, library.job_id)
    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="library.zip"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert contents_of(answer.body) == library.contents
    head = await door.call("HEAD", url(library.job_id), user=user)
    for name in ("Content-Length", "Content-Type", "ETag", "Content-Disposition", "Accept-Ranges"):
        assert head.headers[name] == answer.headers[name]
    assert (await archive(door, user, library.job_id)).body == answer.body


@pytest.mark.unzip
async def test_resumed_at_three_places_it_is_what_unzip_takes(
    door: Door, user: Caller, library: Library, tmp_path: Path
) -> None:
    """By `curl -C -` as by hand: each request says what it goes on with."""
    whole = await archive(door, user, library.job_id)
    size, etag = len(whole.body), whole.headers["ETag"]
    places = sorted(random.Random().sample(range(1, size), 3))
    print(f"resumed at {places} of {size}")
    data = b""
    for first, last in zip([0, *places], [*places, size], strict=True):
        answer = await archive(door, user, library.job_id, Range=f"bytes={first}-{last - 1}", If_Range=etag)
        assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last - 1}/{size}")
        assert answer.headers["ETag"] == etag
        data += answer.body
    path = tmp_path / "resumed.zip"
    path.write_bytes(data)
    assert data == whole.body
    for command in (["unzip", "-tqq", str(path)], [sys.executable, "-m", "zipfile", "-t", str(path)]):
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


async def test_many_small_files(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    """More than are read at once; any range of them; and a resume reads only what it sends."""
    torrent = await sample(MANY)
    job_id = await stored(door, user, agent, torrent)
    whole = (await archive(door, user, job_id)).body
    assert contents_of(whole) == {file.path: torrent.path_of(file).read_bytes() for file in torrent.files}
    shuffled = random.Random(3)
    for _ in range(4):
        first = shuffled.randrange(len(whole))
        last = min(first + shuffled.randrange(30_000), len(whole) - 1)
        answer = await archive(door, user, job_id, Range=f"bytes={first}-{last}")
        assert (answer.status, answer.body) == (206, whole[first : last + 1])
    door.upstream.flaky.refuse()  # the end holds no file's bytes
    tail = await archive(door, user, job_id, Range="bytes=-7000")
    assert (tail.status, tail.body) == (206, whole[-7_000:])
    assert (await archive(door, user, job_id, Range="bytes=0-30000")).code == "storage_unavailable"
    door.upstream.flaky.heal()
    several = await archive(door, user, job_id, Range="bytes=0-9,50000-50009,-5")
    assert several.status == 206
    for part in (whole[:10], whole[50_000:50_010], whole[-5:]):
        assert part in several.body


async def test_conditions(door: Door, user: Caller, library: Library) -> None:
    etag = (await archive(door, user, library.job_id, Range="bytes=0-0")).headers["ETag"]

    async def status(**headers: str) -> int:
        return (await archive(door, user, library.job_id, "?files=2-4", **headers)).status

    small = (await archive(door, user, library.job_id, "?files=2-4")).headers["ETag"]
    assert small != etag
    assert await status(If_None_Match=small) == 304
    assert await status(If_None_Match=etag) == 200
    assert await status(If_Match=etag) == 412
    assert await status(If_Range=small, Range="bytes=0-0") == 206
    assert await status(If_Range=etag, Range="bytes=0-0") == 200
    past = await archive(door, user, library.job_id, "?files=2-4", Range="bytes=99999999-")
    assert (past.status, past.code) == (416, "range_not_satisfiable")
    await eventually(down_to(door, user, 0))


async def test_some_files(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    torrent = await sample({"a/1": 10, "a/b/2": 20, "3": 30, "4": 0})
    job_id = await stored(door, user, agent, torrent)

    async def names(query: str) -> list[str]:
        return list(contents_of((await archive(door, user, job_id, query)).body))

    assert await names("?files=") == await names("?folder=") == ["a/1", "a/b/2", "3", "4"]
    assert await names("?files=0-1,3") == ["a/1", "a/b/2", "4"]
    assert await names("?folder=a") == ["a/1", "a/b/2"]
    assert await names("?folder=a%2Fb") == ["a/b/2"]
    assert await names("?files=1-3&folder=a") == ["a/b/2"]
    assert await names("?files=3") == ["4"]
    for query, status, code in (
        ("?files=1,", 400, "bad_file_ranges"),
        ("?files=3-1", 400, "bad_file_ranges"),
        ("?files=0-1,9", 400, "selection_out_of_range"),
        ("?folder=c", 409, "archive_empty"),
        ("?file=1", 400, "invalid_request"),
        ("?folder=%00", 400, "invalid_request"),
    ):
        answer = await archive(door, user, job_id, query)
        assert (answer.status, answer.code) == (status, code), query


async def test_hostile_names(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    torrent = await sample({"nul/C:x": 1, "nul/C?x": 2, "bell\a": 3})
    job_id = await stored(door, user, agent, torrent)
    found = contents_of((await archive(door, user, job_id)).body)
    assert [(name, len(data)) for name, data in found.items()] == [("_nul/C_x", 1), ("_nul/C_x (2)", 2), ("bell_", 3)]


async def test_what_is_not_stored_is_told(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    torrent = await sample({"a": 100, "b": 200})
    job_id = await submitted(door, user, torrent)
    await agent.store(await lease_of(agent, job_id), torrent, 1)
    answer = await archive(door, user, job_id)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (409, "not_stored_yet", "5")
    assert (answer.json["details"]["missing_files"], answer.json["details"]["files"]) == ("1", "2")
    assert list(contents_of((await archive(door, user, job_id, "?files=1")).body)) == ["b"]
    await door.call("POST", f"/v1/jobs/{job_id}/cancel", user=user)
    assert (await archive(door, user, job_id)).code == "file_not_wanted"


async def test_a_renamed_job_is_the_same_archive(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    job_id = await stored(door, user, agent, await sample({"a": 100}))
    before = await archive(door, user, job_id)
    await door.call("PATCH", f"/v1/jobs/{job_id}", user=user, json={"name": "../Füße"})
    after = await archive(door, user, job_id)
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.headers["Content-Disposition"].startswith('attachment; filename=".._Fu_e.zip"')


async def test_a_deleted_file_is_another_archive(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    job_id = await stored(door, user, agent, await sample({"a": 100, "b": 200}))
    before = await archive(door, user, job_id)
    await door.call("DELETE", f"/v1/files/{(await file_ids(door, user, job_id))['a']}", user=user)
    after = await archive(door, user, job_id, If_Range=before.headers["ETag"], Range="bytes=50-")
    assert after.status == 200
    assert list(contents_of(after.body)) == ["b"]


async def test_somebody_elses_job_is_not_there(door: Door, user: Caller, stranger: Caller, library: Library) -> None:
    assert (await archive(door, stranger, library.job_id)).code == "job_not_found"
    assert (await door.call("HEAD", url(library.job_id), user=stranger)).status == 404
    assert (await archive(door, user, "nothing")).code == "job_not_found"
    wrong = await with_scopes(door.upstream, user, "jobs:read")
    assert (await archive(door, wrong, library.job_id)).code == "scope_missing"


async def test_it_is_one_of_the_callers_streams(door: Door, user: Caller, library: Library) -> None:
    await eventually(down_to(door, user, 0))
    async with reading(door, user, url(library.job_id)):
        assert await begun(door, user) == 1
        others = [reading(door, user, library.url("big.bin")) for _ in range(STREAMS - 1)]
        opened = [await each.__aenter__() for each in others]
        assert len(opened) == STREAMS - 1
        refused = await archive(door, user, library.job_id)
        assert (refused.status, refused.code) == (429, "streams_limit")
        for each in others:
            await each.__aexit__(None, None, None)
    await eventually(down_to(door, user, 0))


@pytest.mark.parametrize(
    "how",
    [
        "a file of it is given up",
        pytest.param("its job is deleted", marks=pytest.mark.faults),
        pytest.param("its key is revoked", marks=pytest.mark.faults),
    ],
)
async def test_it_ends_when_it_may_go_on_no_longer(door: Door, library: Library, how: str) -> None:
    """In the middle, and visibly: its length was announced."""
    user = await signed_in(door.upstream)
    reader = await with_scopes(door.upstream, user, "files:read")
    job_id = await submitted(door, user, library.torrent)  # stored already
    read = 0
    async with reading(door, reader, url(job_id)) as body:
        assert (await door.call("DELETE", await what_ends(door, user, job_id, how), user=user)).status == 204
        await eventually(down_to(door, user, 0))  # though it takes nothing
        with suppress(ConnectionError):
            while chunk := await body.read(64 * KIB):
                read += len(chunk)
    assert read < len(library.contents["big.bin"])


async def what_ends(door: Door, user: Caller, job_id: str, how: str) -> str:
    """What is to be deleted for it."""
    if how == "its job is deleted":
        return f"/v1/jobs/{job_id}"
    if how == "a file of it is given up":
        return f"/v1/files/{(await file_ids(door, user, job_id))['big.bin']}"
    keys = (await door.call("GET", "/v1/me/api-keys", user=user)).json["items"]
    (key,) = [each for each in keys if each["scopes"] == ["files:read"]]
    return f"/v1/me/api-keys/{key['key_id']}"


async def test_what_s3_breaks_off_is_taken_up_where_it_broke(door: Door, user: Caller, library: Library) -> None:
    door.upstream.flaky.cut(2_000_000)
    answer = await archive(door, user, library.job_id)
    assert contents_of(answer.body) == library.contents


async def test_while_s3_is_away_it_is_cut_and_not_short(door: Door, user: Caller, library: Library) -> None:
    first = sum(map(len, library.contents.values())) - 12 * MIB + 500  # in the middle of the last, large file
    async with door.http.get(door.url + url(library.job_id), headers=user.headers) as answer:
        await answer.content.readexactly(first)
        door.upstream.flaky.refuse()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


@pytest.mark.parametrize("size", [1000, 300 * KIB])
async def test_other_bytes_than_were_stored_are_never_a_whole_answer(
    door: Door, user: Caller, agent: Agent, sample: MakeSample, size: int
) -> None:
    """Of a small file not one byte is sent; of a large one not the last ones."""
    torrent = await sample({"a": 300 * KIB, "b": size})
    job_id = await stored(door, user, agent, torrent)
    sql = "SELECT o.object_key FROM objects o JOIN files f USING (entry_id) WHERE f.file_id = $1 AND o.state = 'stored'"
    key = await door.upstream.jobs.value(sql, UUID((await file_ids(door, user, job_id))["b"]))
    server = door.upstream.jobs.world.s3
    async with agents_s3(replace(server, agent=server.jobs)) as s3:
        await s3.put_object(Bucket=server.bucket, Key=key, Body=b"x" * size)
    async with door.http.get(door.url + url(job_id), headers=user.headers) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    async with agents_s3(replace(server, agent=server.jobs)) as s3:
        await s3.put_object(Bucket=server.bucket, Key=key, Body=b"x" * (size + 1))
    alone = await archive(door, user, job_id, "?files=1")
    assert (alone.status, alone.code) == (503, "storage_unavailable")


async def test_memory_of_archives_is_bounded(
    make_door: MakeDoor, door: Door, user: Caller, agent: Agent, sample: MakeSample
) -> None:
    torrent = await sample({**{f"{number}": 0 for number in range(4000)}, "last": 1})
    job_id = await stored(door, user, agent, torrent)
    narrow = await make_door(archive_memory_bytes_per_caller=MIB)
    answer = await archive(narrow, user, job_id)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "too_many_archives", "1")
    full = await make_door(archive_memory_bytes=MIB)
    answer = await archive(full, user, job_id)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "archives_busy", "1")
    for each in [narrow, full] * 8:
        head = await each.call("HEAD", url(job_id) + "?files=0-2000", user=user)
        assert head.status == 200  # the ones before left nothing behind
    assert len(contents_of((await archive(door, user, job_id)).body)) == 4001


async def test_a_reader_that_leaves_leaves_nothing_behind(
    door: Door, user: Caller, agent: Agent, sample: MakeSample
) -> None:
    job_id = await stored(door, user, agent, await sample({f"{number}": 250 * KIB for number in range(60)}))
    async with reading(door, user, url(job_id)):
        assert await begun(door, user) == 1
    await eventually(down_to(door, user, 0))
    assert not any(task.get_name() == "archive-read-ahead" for task in asyncio.all_tasks())


@pytest.mark.unzip
@pytest.mark.faults
@pytest.mark.timeout(1800)
async def test_seventy_thousand_files(door: Door, agent: Agent, sample: MakeSample, tmp_path: Path) -> None:
    """One in ten with bytes of its own in S3, the others empty; resumed at three random places."""
    count = 70_000
    user = await signed_in(door.upstream)
    torrent = await sample(
        {f"folder {number // 1000}/{number}": number % 300 * (number % 10 == 9) for number in range(count)}
    )
    job_id = await submitted(door, user, torrent)
    await store_all(agent, await lease_of(agent, job_id), torrent)
    began = time.monotonic()
    head = await door.call("HEAD", url(job_id), user=user)
    print(f"laid out in {time.monotonic() - began:.1f} s")
    size, etag = int(head.headers["Content-Length"]), head.headers["ETag"]
    path = tmp_path / "many.zip"
    places = sorted(random.Random().sample(range(1, size), 3))
    with path.open("wb") as file:
        for first, last in zip([0, *places], [*places, size], strict=True):
            asked = {**user.headers, "Range": f"bytes={first}-{last - 1}", "If-Range": etag}
            timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
            async with door.http.get(door.url + url(job_id), headers=asked, timeout=timeout) as answer:
                assert answer.status == 206
                async for chunk in answer.content.iter_any():
                    file.write(chunk)
    print(f"read in {time.monotonic() - began:.1f} s")
    for command in (["unzip", "-tqq", str(path)], [sys.executable, "-m", "zipfile", "-t", str(path)]):
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(path) as read:
        assert read.namelist() == [file.path for file in torrent.files]
        assert read.read(f"folder 69/{count - 1}") == torrent.path_of(torrent.files[-1]).read_bytes()


async def store_all(agent: Agent, lease: LeaseRef, torrent: Sample) -> None:
    """As `Agent.run`, with many writes at once."""
    described = await agent.describe(lease)
    wanted = [piece for index in described.wanted for piece in pieces(torrent, described.entries[index])]
    for at in range(0, len(wanted), 500):
        some = wanted[at : at + 500]
        plans = await agent.plan(lease, [piece.intent for piece in some])
        pairs = zip(plans, some, strict=True)
        await agent.confirm(lease, await asyncio.gather(*(agent.write(plan, piece.body) for plan, piece in pairs)))
        await agent.complete(lease, *(piece.intent.file_index for piece in some))
    assert await agent.finish(lease, described.header.wanted_version)
