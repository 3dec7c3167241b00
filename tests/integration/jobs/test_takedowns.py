"""What was taken down is accepted nowhere, fetched by nobody, and read by nobody, under whichever of its hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.jobs.conftest import MakeSample, NewWorld, clear
from tests.integration.jobs.running import refused, running
from tests.integration.jobs.still import Still, still
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.usecases.stop_blocked import stop_blocked
from tseeder_testkit.torrents import Sample

COMPLETED, FAILED = model.JOB_STATE_COMPLETED, model.JOB_STATE_FAILED


@pytest.fixture(scope="module")
async def module_ground(new_world: NewWorld, s3_client: Any) -> AsyncIterator[Still]:
    async with new_world("jobs_takedowns") as world, still(world, s3_client) as made:
        yield made


@pytest.fixture
async def ground(module_ground: Still) -> AsyncIterator[Still]:
    """The invariants hold after each test, and nothing of it is left in the queue."""
    module_ground.jobs.users.clear()
    yield module_ground
    await module_ground.sound()
    await clear(module_ground.jobs)


def hashes(torrent: Sample) -> tuple[str, str]:
    """Of a hybrid."""
    assert torrent.info_hash_v1 is not None
    assert torrent.info_hash_v2 is not None
    return torrent.info_hash_v1, torrent.info_hash_v2


@pytest.mark.parametrize("by", [0, 1], ids=["v1", "v2"])
async def test_what_is_stored_is_read_by_nobody(ground: Still, sample: MakeSample, by: int) -> None:
    """From the next call on, whichever hash was named; a reader who goes on is told when he looks again."""
    torrent, other = await sample(1000, version="hybrid"), await sample(1000)
    user = ground.jobs.user()
    job, fine = await ground.stored(user, torrent), await ground.stored(user, other)
    (file,), (fine_file,) = await user.files(job), await user.files(fine)
    stream = str(uuid4())
    assert (await ground.open(user, file, stream)).WhichOneof("source") == "object"
    assert len((await user.archive(job))[1]) == 1
    await ground.take_down(hashes(torrent)[by])
    for stream_id in ("", stream):
        await refused("torrent_blocked", ground.open(user, file, stream_id))
    for call in (
        user.archive(job),
        user.open_archive(job, 0),
        user.open_archive(job),
    ):  # the last: one that goes on looks
        await refused("torrent_blocked", call)
    assert (await ground.open(user, fine_file)).WhichOneof("source") == "object"
    for info_hash in hashes(torrent):
        answer = await user.call(ground.jobs.jobs.CheckCache, pb.CheckCacheRequest(info_hashes=[info_hash]))
        assert [each.state for each in answer.torrents] == [pb.CACHE_STATE_ABSENT]
        await refused("torrent_blocked", user.submit(info_hash=info_hash))
    await stop_blocked(ground.ctx)
    told = await user.job(job)
    assert (told.state, told.reason.code, told.version) == (COMPLETED, "torrent_blocked", job.version + 1)
    assert [each.file_id for each in await user.files(job)] == [file.file_id]
    assert not (await user.job(fine)).HasField("reason")
    await user.delete(job)
    assert (await user.usage()).charged_bytes == 1000


async def test_what_runs_ends_and_does_not_begin_again(ground: Still, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000, version="hybrid")
    one, two = ground.jobs.user(), ground.jobs.user()
    mine = await one.submit(torrent=torrent.torrent.read_bytes())
    theirs = await two.pause(await two.submit(torrent=torrent.torrent.read_bytes(), selection=[2]))  # 1 is a pad
    lease = await ground.played.claim_one()
    await ground.played.store(lease, torrent, 0)
    await ground.take_down(hashes(torrent)[1])
    assert await stop_blocked(ground.ctx) == 1
    for user, job in ((one, mine), (two, theirs)):
        ended = await user.job(job)
        assert (ended.state, ended.reason.code) == (FAILED, "torrent_blocked")
        await refused("torrent_blocked", user.retry(job))
    await refused("lease_lost", ground.played.describe(lease))
    assert await ground.played.claim() == []
    assert await stop_blocked(ground.ctx) == 0
    assert ((await one.usage()).charged_bytes, (await one.usage()).reserved_bytes) == (1000, 0)


async def test_a_paused_or_completed_job_wants_nothing_more_of_it(ground: Still, sample: MakeSample) -> None:
    """Also where the sweep was not there yet; to give a file up is always possible."""
    torrent = await sample(1000, 2000)
    user = ground.jobs.user()
    done = await ground.stored(user, torrent, selection=[0])
    paused = await user.pause(await user.submit(torrent=torrent.torrent.read_bytes(), selection=[1]))
    await ground.take_down(torrent.info_hash_v1 or "")
    await refused("torrent_blocked", user.select(done, None))
    await refused("torrent_blocked", user.resume(paused))
    await user.delete_file((await user.files(done))[0])
    assert (await user.usage()).charged_bytes == 0


async def test_a_magnet_that_turns_out_to_be_it_fails(ground: Still, sample: MakeSample) -> None:
    """Whose other hash was taken down: nobody could know before its metadata was there."""
    torrent = await sample(1000, version="hybrid")
    v1, v2 = hashes(torrent)
    user, later = ground.jobs.user(), ground.jobs.user()
    before = await user.submit(info_hash=v1)
    lease = await ground.played.claim_one()
    await ground.take_down(v2)
    await stop_blocked(ground.ctx)
    after = await later.submit(info_hash=v1)
    answer = await ground.played.submit_metadata(lease, torrent.info)
    assert (answer.proceed, answer.reason.code) == (False, "torrent_blocked")
    assert (await user.reaches(before, FAILED)).reason.code == "torrent_blocked"
    lease = await ground.played.claim_one()
    assert not (await ground.played.submit_metadata(lease, torrent.info)).proceed
    assert (await later.reaches(after, FAILED)).reason.code == "torrent_blocked"


async def test_a_magnet_of_it_is_stopped_before_it_is_known(ground: Still, sample: MakeSample) -> None:
    torrent = await sample(1000)
    user = ground.jobs.user()
    job = await user.submit(magnet=torrent.magnet())
    await ground.take_down(torrent.info_hash_v1 or "")
    assert await stop_blocked(ground.ctx) == 1
    assert (await user.job(job)).reason.code == "torrent_blocked"
    await refused("torrent_blocked", user.retry(job))


async def test_it_is_stopped_by_itself(new_world: NewWorld, s3_client: Any, sample: MakeSample) -> None:
    """With dedupe off, where each job has a torrent of its own, all of them are."""
    torrent = await sample(1000)
    async with new_world("jobs_takedowns_off") as world, still(world, s3_client, dedupe="off") as ground:
        users = [ground.jobs.user() for _ in range(3)]
        jobs = [await user.submit(torrent=torrent.torrent.read_bytes()) for user in users]
        await ground.take_down(torrent.info_hash_v1 or "")
        async with running(world, dedupe="off"):
            for user, job in zip(users, jobs, strict=True):
                assert (await user.reaches(job, FAILED)).reason.code == "torrent_blocked"
