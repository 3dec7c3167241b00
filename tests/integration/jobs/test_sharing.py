"""Several wishes on one transfer: who leaves, pauses, chooses anew, and what the agent is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample, settled
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, refused
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError, Kind


async def test_one_cancels_and_the_other_goes_on(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    first, second = jobs.user(), jobs.user()
    one = await first.submit(torrent=data, selection=[0])
    played = await agent()
    lease = await played.claim_one()
    two = await second.submit(torrent=data)
    assert (await second.job(two)).state == model.JOB_STATE_DOWNLOADING
    described = await played.describe(lease)
    assert described.wanted == [0, 1]
    seen = described.header.wanted_version

    ended = await first.cancel(one)
    assert (ended.state, ended.stored_files) == (model.JOB_STATE_CANCELLED, 0)
    assert await first.cancel(one) == ended  # again: as it is
    assert [file.state for file in await first.files(one)] == [model.FILE_STATE_DROPPED] * 2
    beat = await played.beat(lease, seen=seen)
    assert beat.renewed == [lease]
    assert beat.orders[0].refresh.wanted_version > seen
    after = await played.describe(lease)
    assert set(after.views) == {two.job_id}
    assert (await played.beat(lease, seen=after.header.wanted_version)).orders == []
    await played.run(lease, torrent)
    assert (await second.job(two)).state == model.JOB_STATE_COMPLETED
    assert (await first.job(one)).state == model.JOB_STATE_CANCELLED


async def test_the_last_cancel_ends_the_transfer(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    await user.cancel(job)
    assert (await played.beat(lease)).lost == [lease]
    await refused("lease_lost", played.describe(lease))
    assert await played.claim() == []

    assert (await user.retry(job)).run == 2
    again = await played.claim_one()
    assert again.transfer_id != lease.transfer_id
    await played.run(again, torrent)
    done = await user.job(job)
    assert (done.state, done.run) == (model.JOB_STATE_COMPLETED, 2)
    assert (await refused("job_not_retryable", user.retry(job))).kind is Kind.CONFLICT


async def test_a_wish_that_comes_at_the_last_moment_is_not_lost(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    first, second = jobs.user(), jobs.user()
    one = await first.submit(torrent=data, selection=[0])
    played = await agent()
    lease = await played.claim_one()
    before = await played.describe(lease)
    await played.store(lease, torrent)
    assert (await first.job(one)).state == model.JOB_STATE_COMPLETED  # its own files are there

    two = await second.submit(torrent=data)
    assert await jobs.transfer_of(two) == lease.transfer_id
    assert not await played.finish(lease, before.header.wanted_version)
    await refused("wanted_changed", played.release(lease, wanted_version=before.header.wanted_version))
    now = await played.describe(lease)
    assert now.wanted == [1]
    assert not await played.finish(lease, now.header.wanted_version)
    await played.run(lease, torrent)
    assert (await second.job(two)).state == model.JOB_STATE_COMPLETED


async def test_a_wider_selection_while_it_runs_and_after_the_end(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000, 4000)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
    played = await agent()
    lease = await played.claim_one()
    seen = (await played.describe(lease)).header.wanted_version
    wider = await user.select(job, [0, 1])
    assert (wider.wanted_files, wider.run) == (2, 1)
    assert not await played.finish(lease, seen)
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED

    await refused("selection_out_of_range", user.select(job, [3]))
    reopened = await user.select(job, None)
    assert (reopened.state, reopened.run, reopened.wanted_files) == (model.JOB_STATE_QUEUED, 2, 3)
    assert not reopened.HasField("finished_at")
    next_lease = await played.claim_one()
    assert next_lease.transfer_id != lease.transfer_id
    assert (await played.describe(next_lease)).wanted == [2]
    await played.run(next_lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED

    narrow = await user.select(job, [1])
    assert (narrow.state, narrow.run, narrow.stored_files) == (model.JOB_STATE_COMPLETED, 2, 1)
    assert (await user.usage()).charged_bytes == 2000


@pytest.mark.parametrize("known", [True, False])
async def test_pause_parks_and_resume_goes_on(jobs: Service, agent: MakeAgent, sample: MakeSample, known: bool) -> None:
    torrent = await sample(1000, 2000)
    user = jobs.user()
    source = {"torrent": torrent.torrent.read_bytes()} if known else {"magnet": torrent.magnet()}
    job = await user.submit(**source)
    assert (await user.pause(job)).state == model.JOB_STATE_PAUSED
    played = await agent()
    assert await played.claim() == []
    assert (await user.resume(job)).state == model.JOB_STATE_QUEUED
    lease = await played.claim_one()
    if not known:
        await played.submit_metadata(lease, torrent.info)
    described = await played.describe(lease)
    await played.store(lease, torrent, 0)

    paused = await user.pause(job)
    assert paused.state == model.JOB_STATE_PAUSED
    assert await user.pause(job) == paused
    beat = await played.beat(lease, seen=described.header.wanted_version)
    version = beat.orders[0].park.wanted_version
    assert version > described.header.wanted_version
    await played.release(lease, wanted_version=version)
    assert await played.claim() == []
    assert (await user.resume(job)).state == model.JOB_STATE_QUEUED
    again = await played.claim_one()
    assert (again.transfer_id, again.epoch > lease.epoch) == (lease.transfer_id, True)
    await played.run(again, torrent)
    done = await user.job(job)
    assert done.state == model.JOB_STATE_COMPLETED
    assert (await refused("job_ended", user.pause(job))).kind is Kind.CONFLICT


async def test_what_is_stored_meanwhile_attaches_to_the_paused(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    first, second = jobs.user(), jobs.user()
    one = await first.submit(torrent=data)
    two = await second.submit(torrent=data, selection=[0])
    await first.pause(one)
    played = await agent()
    lease = await played.claim_one()
    described = await played.describe(lease)
    assert described.wanted == [0]
    await played.store(lease, torrent)
    assert (await second.job(two)).state == model.JOB_STATE_COMPLETED
    waiting = await first.job(one)
    assert (waiting.state, waiting.stored_files) == (model.JOB_STATE_PAUSED, 1)
    assert (await first.usage()).charged_bytes == 1000
    assert await played.finish(lease, described.header.wanted_version)  # parked: the paused one still wants more
    assert (await first.resume(one)).state == model.JOB_STATE_QUEUED
    await played.run(await played.claim_one(), torrent)
    assert (await first.job(one)).state == model.JOB_STATE_COMPLETED


async def test_deleting_keeps_what_others_hold(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    first, second = jobs.user(), jobs.user()
    one = await first.submit(torrent=data)
    two = await second.submit(torrent=data, selection=[0])
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    await first.delete(one)
    await refused("job_not_found", first.job(one))
    assert (await first.usage()).charged_bytes == 0
    await settled(jobs)  # file 1 is deleted at S3, file 0 is not
    assert (await second.open_read((await second.files(two))[0])).object.url
    third = await jobs.user().submit(torrent=data)
    assert (third.state, third.stored_files) == (model.JOB_STATE_QUEUED, 1)
    await played.run(await played.claim_one(), torrent)


async def test_a_failed_transfer_fails_its_jobs_with_its_words(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000)
    data = torrent.torrent.read_bytes()
    users = [jobs.user() for _ in range(3)]
    made = [await user.submit(torrent=data) for user in users]
    await users[2].pause(made[2])
    played = await agent()
    lease = await played.claim_one()
    await played.store(lease, torrent, 0)
    await played.fail(lease, "no_peers", "Nobody has the rest.")
    for user, job in zip(users, made, strict=True):
        failed = await user.reaches(job, model.JOB_STATE_FAILED)
        assert (failed.reason.code, failed.reason.message) == ("no_peers", "Nobody has the rest.")
        assert (failed.stored_files, failed.wanted_files) == (1, 2)  # what is stored stays
        states = [file.state for file in await user.files(job)]
        assert states == [model.FILE_STATE_STORED, model.FILE_STATE_DROPPED]
    again = await users[0].retry(made[0])
    assert (again.state, again.stored_files, again.run) == (model.JOB_STATE_QUEUED, 1, 2)
    lease = await played.claim_one()
    assert (await played.describe(lease)).wanted == [1]
    await played.run(lease, torrent)


async def test_a_deleted_file_is_wanted_no_more(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    seen = (await played.describe(lease)).header.wanted_version
    await user.delete_file((await user.files(job))[1])
    assert (await played.beat(lease, seen=seen)).orders[0].refresh.wanted_version > seen
    described = await played.describe(lease)
    assert described.wanted == [0]
    plans = await played.plan(lease, [pb.WriteIntent(file_index=1, size_bytes=2000, crc32=1)])
    assert plans[0].verdict == pb.WRITE_VERDICT_UNWANTED
    await played.run(lease, torrent)
    assert (await user.job(job)).state == model.JOB_STATE_COMPLETED
    assert [file.file_index for file in await user.files(job)] == [0]


async def test_many_verbs_at_once_leave_no_wrong_sums(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    """Users come, go, pause and choose while agents store: afterwards usage, states and S3 agree, and whoever was
    refused was told why."""
    torrents = [await sample(1000, 2000, 3000) for _ in range(3)]
    refusals: list[AppError] = []

    async def trying(call: Awaitable[object]) -> None:
        try:
            await call
        except AppError as exc:
            refusals.append(exc)

    async def live(number: int) -> None:
        user = jobs.user()
        job = await user.submit(torrent=torrents[number % 3].torrent.read_bytes(), selection=[number % 3])
        verbs: list[Callable[[], Awaitable[object]]] = [
            lambda: user.select(job, [0, 1]),
            lambda: user.pause(job),
            lambda: user.resume(job),
            lambda: user.cancel(job),
            lambda: user.retry(job),
            lambda: user.select(job, None),
            lambda: user.delete(job),
        ]
        for verb in verbs[number % 3 :: 2] + verbs[: number % 4]:
            await trying(verb())

    async def store(played: Agent) -> None:
        for _ in range(8):
            for claimed in await played.claim(limit=3):
                await trying(store_one(played, claimed.lease))

    async def store_one(played: Agent, lease: pb.LeaseRef) -> None:
        described = await played.describe(lease)
        torrent = next(t for t in torrents if t.info == described.info)
        await played.store(lease, torrent)
        await played.finish(lease, described.header.wanted_version)

    agents = [await agent(), await agent()]
    await asyncio.gather(*(store(played) for played in agents), *(live(number) for number in range(12)))
    assert {exc.kind for exc in refusals} <= {Kind.CONFLICT, Kind.NOT_FOUND, Kind.PRECONDITION, Kind.UNAVAILABLE}
    for played in agents:
        await played.next_boot().register()
    await settled(jobs)
