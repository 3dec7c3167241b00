"""The one URL of a file before it is stored: from the agent, from its successor, and on from S3."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import MIB, World
from tseeder_cli.wire import File, Job
from tseeder_testkit.torrents import Sample

SLOW = 3 * MIB  # bytes a second
PATIENT = httpx.Timeout(100.0)


def content_of(file: File) -> str:
    return f"/v1/files/{file['file_id']}/content"


async def _running(ann: Person, swarm: Swarm, made: Sample, rate: int = SLOW) -> tuple[Job, File]:
    """A job that fetches the sample's only file slowly, and has hardly begun."""
    await swarm.seed(made, rate=rate)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    return job, file


@asynccontextmanager
async def answering(ann: Person, file: File, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.Response]:
    async with ann.http() as http, http.stream("GET", content_of(file), headers=headers, timeout=PATIENT) as answer:
        yield answer


async def test_it_is_read_to_its_end_while_it_is_fetched_and_stored(
    ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(16 * MIB)
    job, file = await _running(ann, swarm, made, rate=6 * MIB)
    digest = hashlib.sha256()
    async with answering(ann, file) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Length"] == str(16 * MIB)
        assert (await ann.client.job(job["job_id"]))["state"] in ("downloading", "storing")
        tag = answer.headers["ETag"]
        async for chunk in answer.aiter_bytes():
            digest.update(chunk)
    assert digest.hexdigest() == made.files[0].sha256
    await ann.completed(job)
    async with ann.http() as http:
        assert (await http.head(content_of(file))).headers["ETag"] == tag


async def test_the_end_comes_long_before_its_turn(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    """A player looks at the end of a file first."""
    made = await sample(48 * MIB)
    job, file = await _running(ann, swarm, made)
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    async with ann.http() as http:
        head = await http.head(content_of(file))
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(48 * MIB))
        for asked, first, last in (
            ("bytes=-1000", len(whole) - 1000, len(whole) - 1),
            (f"bytes={30 * MIB}-{30 * MIB + 99_999}", 30 * MIB, 30 * MIB + 99_999),
            ("bytes=0-0", 0, 0),
        ):
            answer = await http.get(content_of(file), headers={"Range": asked}, timeout=PATIENT)
            assert answer.status_code == 206
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
            assert answer.content == whole[first : last + 1]
        several = await http.get(content_of(file), headers={"Range": "bytes=0-9,20-29"}, timeout=PATIENT)
        assert several.headers["Content-Type"].startswith("multipart/byteranges")
        assert whole[:10] in several.content
        assert whole[20:30] in several.content
    now = await ann.client.job(job["job_id"])
    assert now["state"] == "downloading"
    assert now["stored_files"] == 0


async def test_an_answer_goes_on_over_the_death_of_its_agent(
    world: World, ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(24 * MIB)
    _, file = await _running(ann, swarm, made, rate=4 * MIB)
    digest, read = hashlib.sha256(), 0
    async with answering(ann, file) as answer:
        async for chunk in answer.aiter_bytes():
            digest.update(chunk)
            if read <= 8 * MIB < read + len(chunk):
                world.stack.kill("agent-1")
            read += len(chunk)
    assert read == 24 * MIB
    assert digest.hexdigest() == made.files[0].sha256


@pytest.mark.faults
async def test_a_reader_at_the_end_of_what_another_one_reads_does_not_wait_for_him(
    ann: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """The file is smaller than a window, so all of it has a deadline already."""
    made = await sample(6 * MIB)
    _, file = await _running(ann, swarm, made, rate=MIB // 2)
    whole = await asyncio.to_thread(made.path_of(made.files[0]).read_bytes)
    read = 0
    async with answering(ann, file) as first, ann.http() as http:
        chunks = first.aiter_bytes()
        while read < MIB:
            read += len(await anext(chunks))
        last = asyncio.create_task(http.get(content_of(file), headers={"Range": "bytes=-1000"}, timeout=PATIENT))
        while not last.done():
            read += len(await anext(chunks))
        assert (await last).content == whole[-1000:]
        assert read < 4 * MIB, "it came in its turn only"


async def test_readers_of_the_same_torrent_hold_each_other_up_in_nothing(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """One who stops reading, one who left, and one who goes on."""
    made = await sample(16 * MIB)
    job, file = await _running(ann, swarm, made, rate=8 * MIB)
    (of_ben,) = (await ben.files(await ben.submit(swarm.torrent(made)))).values()
    async with answering(ann, file) as stopped, answering(ann, file) as left:
        assert (stopped.status_code, left.status_code) == (200, 200)
        await left.aclose()
        async with ben.http() as http:
            answer = await http.get(content_of(of_ben), timeout=PATIENT)
        assert hashlib.sha256(answer.content).hexdigest() == made.files[0].sha256
    await ann.completed(job)


async def test_another_users_file_is_not_there_before_it_is_stored_either(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    made = await sample(16 * MIB)
    _, file = await _running(ann, swarm, made)
    async with ben.http() as http:
        assert (await http.get(content_of(file))).status_code == 404
        assert (await http.head(content_of(file))).status_code == 404


@pytest.mark.faults
async def test_a_deleted_job_ends_its_answers(ann: Person, ben: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Never a short answer that looks whole; and soon also where another user's job keeps the transfer."""
    made = await sample(32 * MIB)
    job, file = await _running(ann, swarm, made)
    bens = await ben.submit(swarm.torrent(made))
    read = 0

    async def read_on() -> None:
        nonlocal read
        async with answering(ann, file) as answer:
            async for chunk in answer.aiter_bytes():
                if not read:
                    await ann.delete(job)
                read += len(chunk)

    with pytest.raises(httpx.HTTPError):
        await read_on()
    assert 0 < read < 30 * MIB
    assert (await ben.client.job(bens["job_id"]))["state"] in ("downloading", "storing")


async def test_no_range_before_it_is_stored(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(1000)
    await swarm.seed(made, rate=1)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    async with ann.http() as http:
        beyond = await http.get(content_of(file), headers={"Range": "bytes=1000-"})
        assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */1000")
