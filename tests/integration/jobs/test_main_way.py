"""From a submit to stored objects."""

from __future__ import annotations

import hashlib
import uuid

import aiohttp
import pytest

from tests.faults.invariants import violations
from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import MIB, Service
from tests.integration.jobs.test_lanes import some_torrent
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_pg import connection, open_pool
from tseeder_testkit import raw_torrents as raw


async def test_a_torrent_is_stored_and_its_bytes_are_right(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(11 * MIB, 70_000, 0, 1)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes(), name="my film")
    assert (job.state, job.name, job.file_count, job.total_bytes) == (
        model.JOB_STATE_QUEUED,
        "my film",
        4,
        11 * MIB + 70_001,
    )
    assert job.metadata_known
    assert (job.wanted_files, job.stored_files) == (4, 1)  # the empty one is stored at once

    played = await agent()
    lease = await played.claim_one()
    assert (await user.job(job)).state == model.JOB_STATE_DOWNLOADING
    await played.report(lease, model.TRANSFER_STATE_STORING)
    assert (await user.job(job)).state == model.JOB_STATE_STORING
    await played.run(lease, torrent)

    done = await user.job(job)
    assert (done.state, done.stored_files, done.stored_bytes) == (model.JOB_STATE_COMPLETED, 4, torrent.total_size)
    assert done.HasField("finished_at")
    assert not done.HasField("reason")
    assert done.version > job.version
    usage = await user.usage()
    assert (usage.live_jobs, usage.reserved_bytes, usage.charged_bytes) == (0, 0, torrent.total_size)
    contents = {(uuid.UUID(job.job_id), index): file.sha256 for index, file in enumerate(torrent.files)}
    assert not await violations(
        jobs.world.database.urls["jobs"], jobs.world.s3, accepted=[uuid.UUID(job.job_id)], contents=contents
    )


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
async def test_each_version_of_bittorrent_by_its_read_urls(
    jobs: Service, agent: MakeAgent, sample: MakeSample, version: str
) -> None:
    torrent = await sample(5 * MIB + 1, 40_000, 0, version=version)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    files = await user.files(job)
    assert [file.state for file in files] == [model.FILE_STATE_STORED] * 3
    by_path = {"/".join(file.path): file for file in files}
    async with aiohttp.ClientSession() as http:
        for wanted in torrent.files:
            answer = await user.open_read(by_path[wanted.path])
            assert answer.etag
            if not wanted.size:
                assert answer.WhichOneof("source") == "empty"
                continue
            async with http.get(answer.object.url) as got:
                assert hashlib.sha256(await got.read()).hexdigest() == wanted.sha256
            async with http.get(answer.object.url, headers={"Range": "bytes=5-9"}) as got:
                assert got.headers["Content-Range"] == f"bytes 5-9/{wanted.size}"
                assert await got.read() == torrent.path_of(wanted).read_bytes()[5:10]
            assert by_path[wanted.path].HasField("crc32")


@pytest.mark.parametrize("count", [2000, pytest.param(20_000, marks=pytest.mark.faults)])
async def test_thousands_of_files(jobs: Service, agent: MakeAgent, count: int) -> None:
    """No message grows with the torrent, and no statement by its square, although all that the planner has heard of are
    small torrents: each call stays within its deadline."""
    await _small_ones_only(jobs)
    files = [([f"folder {number // 100}", f"file {number}"], 1000) for number in range(count)]
    user, other = jobs.user(), jobs.user()
    data = raw.torrent(raw.v1_info(files))
    job = await user.submit(torrent=data)
    await other.submit(torrent=data, selection=range(0, count, 2))
    played = await agent()
    described = await played.describe(await played.claim_one())
    assert (len(described.entries), len(described.wanted)) == (count, count)
    assert sum(len(ranges) for ranges in described.views.values()) == 1 + count // 2
    assert described.messages <= 5 + count // 1000  # header, info, entries, views
    narrow = await user.select(job, range(count // 2))
    assert (narrow.wanted_files, narrow.wanted_bytes) == (count // 2, 500 * count)
    assert ((await user.usage()).reserved_bytes, (await other.usage()).reserved_bytes) == (500 * count, 500 * count)
    await user.delete(job)
    assert (await user.usage()).reserved_bytes == 0


async def _small_ones_only(jobs: Service) -> None:
    """What a service has in its database on most days, and the planner's statistics of it."""
    crowd = jobs.user()
    for job in [await crowd.submit(torrent=some_torrent()) for _ in range(50)]:
        await crowd.cancel(job)
    async with open_pool(jobs.world.database.admin_url, application_name="tests") as pool, connection(pool) as held:
        await held.execute("ANALYZE")
