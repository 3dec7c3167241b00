"""Files end when their owner's plan says so, after a warning, and whatever happens at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.jobs.barriers import Call, meet
from tests.integration.jobs.breaking import BreakingPool, Crash, Where
from tests.integration.jobs.conftest import MakeSample, NewWorld, clear
from tests.integration.jobs.running import User, refused
from tests.integration.jobs.still import Still, still
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.adapters.billing import Billing
from tseeder_jobs.usecases.expire_files import expire_files
from tseeder_kit.errors import AppError
from tseeder_pg import transaction
from tseeder_rpc import open_channel

COMPLETED, EXPIRED, QUEUED = model.JOB_STATE_COMPLETED, model.JOB_STATE_EXPIRED, model.JOB_STATE_QUEUED
WEEK, NOTICE = 7, 3


@pytest.fixture(scope="module")
async def module_ground(new_world: NewWorld, s3_client: Any) -> AsyncIterator[Still]:
    async with new_world("jobs_retention") as world, still(world, s3_client) as made:
        yield made


@pytest.fixture
async def ground(module_ground: Still) -> AsyncIterator[Still]:
    """The invariants hold after each test, and nothing of it is left in the queue."""
    module_ground.jobs.users.clear()
    yield module_ground
    await module_ground.sound()
    await clear(module_ground.jobs)


async def on_plan(ground: Still, days: int) -> User:
    """Somebody new, whose plan keeps files for so long."""
    user = ground.jobs.user()
    await ground.plan(user, days)
    return user


def from_now(message: model.Job | model.File) -> float:
    """In how many days it ends."""
    assert message.HasField("expires_at")
    return (message.expires_at.ToDatetime(tzinfo=UTC) - datetime.now(UTC)) / timedelta(days=1)


async def test_a_file_ends_after_a_warning(ground: Still, sample: MakeSample) -> None:
    torrent = await sample(1000, 0, 2000)
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, torrent)
    assert from_now(job) == pytest.approx(7, abs=0.01)
    assert [round(from_now(file)) for file in await user.files(job)] == [7, 7, 7]
    await ground.age(user, 3.9)
    assert await expire_files(ground.ctx) == 0
    assert await ground.expiring(job) == []
    await ground.age(user, 0.2)
    assert await expire_files(ground.ctx) == 0
    told = await user.job(job)
    assert told.version > job.version, "who watches it is told"
    assert from_now(told) == pytest.approx(NOTICE, abs=0.01)
    assert [datetime.fromisoformat(at) for at in await ground.expiring(job)] == [told.expires_at.ToDatetime(tzinfo=UTC)]
    await ground.age(user, 2.9)
    assert await expire_files(ground.ctx) == 0
    assert len(await ground.expiring(job)) == 1, "once"
    assert (await user.usage()).charged_bytes == 3000
    kept = await user.files(job)
    await ground.age(user, 0.2)
    assert await expire_files(ground.ctx) == 3
    assert (await user.usage()).charged_bytes == 0
    over = await user.job(job)
    assert (over.state, over.reason.code, over.wanted_files) == (EXPIRED, "retention_over", 0)
    assert not over.HasField("expires_at")
    assert await user.files(job) == []
    for file in kept:
        await refused("file_not_found", user.open_read(file))
    assert await ground.objects(user) == ["deleting", "deleting"]
    await ground.sweep()
    assert await ground.objects(user) == ["gone", "gone"]


async def test_what_has_ended_is_fetched_again_by_a_retry(ground: Still, sample: MakeSample) -> None:
    """But for what its owner had deleted himself."""
    torrent = await sample(1000, 2000)
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, torrent)
    await user.delete_file((await user.files(job))[0])
    await end(ground, user)
    assert (await user.job(job)).state == EXPIRED
    again = await user.retry(job)
    assert (again.state, again.run, again.wanted_bytes) == (QUEUED, 2, 2000)
    assert (await user.usage()).reserved_bytes == 2000
    await ground.played.run(await ground.played.claim_one(), torrent)
    done = await user.job(job)
    assert (done.state, done.stored_bytes) == (COMPLETED, 2000)
    assert from_now(done) == pytest.approx(7, abs=0.01)
    await ground.age(user, 8)
    assert await expire_files(ground.ctx) == 0, "the warning was about the files of the run before"


async def end(ground: Still, user: User) -> None:
    """All that the user has has ended."""
    await ground.age(user, WEEK - NOTICE)
    await expire_files(ground.ctx)
    await ground.age(user, NOTICE)
    assert await expire_files(ground.ctx)


async def test_a_shorter_plan_takes_nothing_without_a_notice(ground: Still, sample: MakeSample) -> None:
    user = await on_plan(ground, 0)
    job = await ground.stored(user, await sample(1000))
    await ground.age(user, 400)
    await expire_files(ground.ctx)
    assert not (await user.job(job)).HasField("expires_at")
    await ground.plan(user, WEEK)
    assert await expire_files(ground.ctx) == 0
    assert len(await ground.expiring(job)) == 1
    assert from_now(await user.job(job)) == pytest.approx(NOTICE, abs=0.01)
    await ground.age(user, 2)
    await ground.plan(user, 0)
    assert await expire_files(ground.ctx) == 0
    assert not (await user.job(job)).HasField("expires_at")
    await ground.age(user, 5)
    await ground.plan(user, WEEK)
    assert await expire_files(ground.ctx) == 0, "what was told of the plan before does not count"
    assert len(await ground.expiring(job)) == 2
    await ground.age(user, 3.1)
    assert await expire_files(ground.ctx) == 1


async def test_a_verb_of_his_own_tells_the_new_plan_too(ground: Still, sample: MakeSample) -> None:
    """Submit asks billing before any sweep does; from then on the notice runs, though nobody was warned yet."""
    user = await on_plan(ground, 0)
    job = await ground.stored(user, await sample(1000))
    await ground.age(user, 400)
    await ground.plan(user, WEEK)
    await ground.stored(user, await sample(2000))
    assert from_now(await user.job(job)) == pytest.approx(NOTICE, abs=0.01)
    await ground.age(user, 3.1)
    assert await expire_files(ground.ctx) == 0, "he is warned only now"
    assert len(await ground.expiring(job)) == 1
    await ground.age(user, 3.1)
    assert await expire_files(ground.ctx) == 1
    assert (await user.usage()).charged_bytes == 2000


async def test_nothing_ends_while_billing_is_away(ground: Still, sample: MakeSample) -> None:
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, await sample(1000))
    await ground.age(user, WEEK - NOTICE)
    await expire_files(ground.ctx)
    await ground.age(user, NOTICE)
    async with open_channel("127.0.0.1:1") as nowhere:
        assert await expire_files(replace(ground.ctx, billing=Billing(nowhere))) == 0
    assert (await user.job(job)).state == COMPLETED
    await ground.plan(user, 30)  # bought meanwhile
    assert await expire_files(ground.ctx) == 0
    assert from_now(await user.job(job)) == pytest.approx(23, abs=0.01)
    await ground.plan(user, WEEK)
    await expire_files(ground.ctx)
    await ground.age(user, NOTICE)
    assert await expire_files(ground.ctx) == 1


async def test_a_shared_object_goes_with_the_last_who_has_it(ground: Still, sample: MakeSample) -> None:
    torrent = await sample(1000)
    first, last = await on_plan(ground, WEEK), await on_plan(ground, 0)
    await ground.stored(first, torrent)
    job = await ground.stored(last, torrent)
    await end(ground, first)
    assert await ground.objects(last) == ["stored"]
    assert ((await first.usage()).charged_bytes, (await last.usage()).charged_bytes) == (0, 1000)
    assert (await last.open_read((await last.files(job))[0])).WhichOneof("source") == "object"
    await last.delete_file((await last.files(job))[0])
    assert (await last.usage()).charged_bytes == 0
    await ground.sweep()
    assert await ground.objects(last) == ["gone"]


async def test_what_ends_by_and_by_leaves_the_rest(ground: Still, sample: MakeSample) -> None:
    """Files that were stored days apart end days apart, each after a warning; the job goes on with the others, also
    one that still fetches."""
    torrent = await sample(1000, 2000, 4000)
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, torrent, selection=[0])
    await ground.age(user, 5)
    await user.select(job, [0, 1, 2])
    lease = await ground.played.claim_one()
    await ground.played.store(lease, torrent, 1)
    await expire_files(ground.ctx)
    assert len(await ground.expiring(job)) == 1
    await ground.age(user, NOTICE)
    assert await expire_files(ground.ctx) == 1
    now = await user.job(job)
    assert (now.state, now.stored_files, now.wanted_files) == (model.JOB_STATE_DOWNLOADING, 1, 2)
    assert ((await user.usage()).charged_bytes, (await user.usage()).reserved_bytes) == (2000, 4000)
    await ground.age(user, 2)
    assert await expire_files(ground.ctx) == 0
    assert len(await ground.expiring(job)) == 2
    described = await ground.played.describe(lease)
    await ground.played.store(lease, torrent, 2)
    assert await ground.played.finish(lease, described.header.wanted_version)
    await ground.age(user, NOTICE)
    assert await expire_files(ground.ctx) == 1
    assert ((await user.job(job)).state, (await user.usage()).charged_bytes) == (COMPLETED, 4000)


async def test_a_plan_of_fewer_days_than_the_notice(ground: Still, sample: MakeSample) -> None:
    """Keeps for the notice; and what comes after a warning is not meant by it."""
    torrent = await sample(1000, 2000)
    user = await on_plan(ground, 1)
    job = await ground.stored(user, torrent, selection=[0])
    await expire_files(ground.ctx)
    await ground.age(user, 2)
    assert await expire_files(ground.ctx) == 0
    await user.select(job, [0, 1])
    await ground.played.run(await ground.played.claim_one(), torrent)
    await ground.age(user, 1.1)
    assert await expire_files(ground.ctx) == 1
    assert await expire_files(ground.ctx) == 0
    assert (await user.usage()).charged_bytes == 2000
    assert len(await ground.expiring(job)) == 2
    await ground.age(user, NOTICE)
    assert await expire_files(ground.ctx) == 1


async def test_a_job_that_could_not_be_warned_anew_keeps_its_files(ground: Still, sample: MakeSample) -> None:
    """Somebody holds its row while the plan has changed: the warning of before is none."""
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, await sample(1000))
    await ground.age(user, WEEK - NOTICE)
    await expire_files(ground.ctx)
    await ground.age(user, NOTICE)
    await ground.plan(user, WEEK - 1)
    async with transaction(ground.jobs.pool) as tx:
        await tx.fetchval("SELECT 1 FROM jobs WHERE job_id = $1 FOR UPDATE", UUID(job.job_id))
        async with asyncio.timeout(4):
            assert await expire_files(ground.ctx) == 0
    assert (await user.job(job)).state == COMPLETED
    await expire_files(ground.ctx)
    assert len(await ground.expiring(job)) == 2


@pytest.mark.parametrize("swapped", [False, True], ids=["it-first", "it-last"])
@pytest.mark.parametrize("verb", ["delete", "delete_file", "select", "submit", "sweep"])
async def test_an_end_meets_what_its_owner_does(ground: Still, sample: MakeSample, verb: str, swapped: bool) -> None:
    """Whichever comes first, what is held is what is counted, and S3 keeps what somebody holds."""
    torrent = await sample(1000, 2000)
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, torrent)
    await ground.age(user, WEEK - NOTICE)
    await expire_files(ground.ctx)
    await ground.age(user, NOTICE)
    files = await user.files(job)
    acts: dict[str, Call] = {
        "delete": lambda: user.delete(job),
        "delete_file": lambda: user.delete_file(files[0]),
        "select": lambda: user.select(job, [1]),
        "submit": lambda: user.submit(torrent=torrent.torrent.read_bytes()),
        "sweep": lambda: expire_files(ground.ctx),
    }
    calls = [acts[verb], lambda: expire_files(ground.ctx)]
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", UUID(job.job_id))
    done = await meet(ground.jobs, torrent_id, *(reversed(calls) if swapped else calls))
    assert [each for each in done if isinstance(each, Exception) and not isinstance(each, AppError)] == []
    assert (await user.usage()).charged_bytes == (3000 if verb == "submit" and not swapped else 0)
    if verb == "sweep":
        assert sorted(done) == [0, 2]


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_crash_leaves_nothing_half_ended(ground: Still, sample: MakeSample, where: Where) -> None:
    """Whichever of its transactions was the last one."""
    user = await on_plan(ground, WEEK)
    job = await ground.stored(user, await sample(1000, 2000))
    await ground.age(user, WEEK - NOTICE)
    breaking = BreakingPool(ground.ctx.pool)
    number, crashes = 0, 0
    while (await user.job(job)).state != EXPIRED:
        number += 1
        with breaking.crashing(number, where):
            try:
                await expire_files(replace(ground.ctx, pool=breaking.pool))
            except Crash:
                crashes += 1
        await ground.sound()
        if await ground.expiring(job):
            await ground.age(user, NOTICE)
        assert number < 10
    assert crashes
    assert len(await ground.expiring(job)) == 1
    assert (await user.usage()).charged_bytes == 0
