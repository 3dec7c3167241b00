"""What a plan allows, at its edges; usage equals the sum of the files after each."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample, settled
from tests.integration.jobs.running import Service, User, refused
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import AppError
from tseeder_pg import transaction
from tseeder_testkit import raw_torrents as raw


async def on_plan(
    jobs: Service, *, storage: int = 1 << 40, live_jobs: int = 1000, running: int = 4, priority: int = 0
) -> User:
    """A user whose plan allows this."""
    user = jobs.user()
    plan_id = f"p{uuid.uuid4().hex[:12]}"
    async with transaction(jobs.world.billing_pool) as tx:
        await tx.execute(
            """INSERT INTO plans (plan_id, name, place, live_jobs, running_transfers, storage_bytes,
                                  bandwidth_bytes_per_month, retention_days, priority, streams)
               VALUES ($1, $1, 9, $2, $3, $4, 0, 0, $5, 1)""",
            plan_id,
            live_jobs,
            running,
            storage,
            priority,
        )
        await tx.execute("INSERT INTO user_plans (user_id, plan_id) VALUES ($1, $2)", user.user_id, plan_id)
    return user


async def test_usage_before_the_first_submit_names_the_plan(jobs: Service) -> None:
    user = await on_plan(jobs, storage=123, live_jobs=5, running=2)
    usage = await user.usage()
    assert (usage.storage_limit_bytes, usage.live_jobs_limit, usage.running_limit) == (123, 5, 2)
    assert (usage.live_jobs, usage.reserved_bytes, usage.charged_bytes, usage.running) == (0, 0, 0, 0)


async def test_fifty_submits_at_the_edge_of_the_storage(jobs: Service) -> None:
    user = await on_plan(jobs, storage=10_000)
    torrents = [raw.torrent(raw.v1_single(f"{user.user_id} {number}", 1000)) for number in range(50)]

    async def submit(data: bytes) -> str:
        try:
            await user.submit(torrent=data)
        except AppError as exc:
            return exc.code
        return "accepted"

    answers = await asyncio.gather(*(submit(data) for data in torrents))
    assert answers.count("accepted") == 10
    assert set(answers) == {"accepted", "storage_quota_exceeded"}
    assert (await user.usage()).reserved_bytes == 10_000


async def test_what_one_holds_already_costs_nothing_more(jobs: Service, sample: MakeSample) -> None:
    user = await on_plan(jobs, storage=3000)
    data = (await sample(1000, 2000)).torrent.read_bytes()
    await user.submit(torrent=data, selection=[0])
    await user.submit(torrent=data)
    await user.submit(torrent=data)
    error = await refused("storage_quota_exceeded", user.submit(torrent=(await sample(1)).torrent.read_bytes()))
    assert error.details["limit_bytes"] == "3000"
    assert (await user.usage()).reserved_bytes == 3000


async def test_the_limit_of_live_jobs(jobs: Service, sample: MakeSample) -> None:
    user = await on_plan(jobs, live_jobs=2)
    data = (await sample(10)).torrent.read_bytes()
    first = await user.submit(torrent=data)
    await user.submit(torrent=data)
    await refused("live_jobs_limit", user.submit(torrent=data))
    await user.cancel(first)
    third = await user.submit(torrent=data)
    await refused("live_jobs_limit", user.retry(first))
    await user.delete(third)
    assert (await user.retry(first)).state == model.JOB_STATE_QUEUED


async def test_the_limit_of_running_transfers(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = await on_plan(jobs, running=2)
    other = await on_plan(jobs, running=2)
    for owner in (user, user, user, user, other):
        await owner.submit(torrent=(await sample(10)).torrent.read_bytes())
    one, two = await agent(), await agent()
    claimed = [*await one.claim(limit=5), *await two.claim(limit=5)]
    assert len(claimed) == 3
    assert ((await user.usage()).running, (await other.usage()).running) == (2, 1)
    await one.release(claimed[0].lease)
    assert len(await two.claim(limit=5)) == 1


async def test_a_magnet_that_turns_out_too_large_fails_its_job_only(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    torrent = await sample(1000, 2000)
    poor, rich = await on_plan(jobs, storage=1500), jobs.user()
    wide = await poor.submit(magnet=torrent.magnet())
    narrow = await poor.submit(magnet=torrent.magnet(), selection=[0])
    wanted = await rich.submit(magnet=torrent.magnet())
    played = await agent()
    lease = await played.claim_one()
    assert (await played.submit_metadata(lease, torrent.info)).proceed

    failed = await poor.reaches(wide, model.JOB_STATE_FAILED)
    assert failed.reason.code == "storage_quota_exceeded"
    usage = await poor.usage()
    assert (usage.reserved_bytes, usage.live_jobs) == (1000, 1)
    await settled(jobs)
    for lease_now in [lease, *[c.lease for c in await played.claim(limit=5)]]:
        try:
            await played.run(lease_now, torrent)
        except AppError as exc:
            assert exc.code == "lease_lost"  # noqa: PT017 - one of the two joined the other
    await rich.reaches(wanted, model.JOB_STATE_COMPLETED)
    await poor.reaches(narrow, model.JOB_STATE_COMPLETED)

    await refused("storage_quota_exceeded", poor.retry(wide))
    assert (await poor.select(narrow, [0])).state == model.JOB_STATE_COMPLETED
    await poor.delete(narrow)
    await on_more(jobs, poor)
    again = await poor.retry(wide)
    assert (again.state, again.run, again.stored_files) == (model.JOB_STATE_COMPLETED, 2, 2)


async def on_more(jobs: Service, user: User) -> None:
    """The user's plan allows more from now on; jobs hears it at the next submit."""
    async with transaction(jobs.world.billing_pool) as tx:
        await tx.execute(
            """UPDATE plans SET storage_bytes = 1000000
               WHERE plan_id = (SELECT plan_id FROM user_plans WHERE user_id = $1)""",
            user.user_id,
        )


@pytest.mark.parametrize("way", ["cancel", "delete", "delete_file", "narrow", "fail"])
async def test_each_way_out_gives_back_what_it_held(
    jobs: Service, agent: MakeAgent, sample: MakeSample, way: str
) -> None:
    user, other = jobs.user(), jobs.user()
    torrent = await sample(1000, 2000, 4000)
    data = torrent.torrent.read_bytes()
    job = await user.submit(torrent=data)
    await other.submit(torrent=data, selection=[0])
    played = await agent()
    lease = await played.claim_one()
    await played.store(lease, torrent, 0)
    assert (await user.usage()).charged_bytes == 1000
    match way:
        case "cancel":
            await user.cancel(job)
            left = (1000, 0)
        case "delete":
            await user.delete(job)
            left = (0, 0)
        case "delete_file":
            for file in (await user.files(job))[:2]:
                await user.delete_file(file)
            left = (0, 4000)
        case "narrow":
            await user.select(job, [0, 1])
            left = (1000, 2000)
        case _:
            await played.fail(lease)
            left = (1000, 0)
            assert (await user.job(job)).reason.code == "no_peers"
    usage = await user.usage()
    assert (usage.charged_bytes, usage.reserved_bytes) == left
    assert usage.live_jobs == (way in ("delete_file", "narrow"))
    assert (await other.usage()).charged_bytes == 1000
    await settled(jobs)


async def test_a_retry_asks_no_room_for_what_was_deleted(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = await on_plan(jobs, storage=1000)
    torrent = await sample(700, 200)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.store(await played.claim_one(), torrent, 0)
    await user.cancel(job)
    await user.delete_file((await user.files(job))[0])
    await user.submit(torrent=(await sample(750)).torrent.read_bytes())
    assert (await user.retry(job)).state == model.JOB_STATE_QUEUED
    usage = await user.usage()
    assert (usage.reserved_bytes, usage.charged_bytes) == (950, 0)
    await user.cancel(job)
    await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    await refused("storage_quota_exceeded", user.retry(job))
    assert (await user.job(job)).state == model.JOB_STATE_CANCELLED
    assert (await user.usage()).reserved_bytes == 850


async def test_other_files_of_the_same_size_fit(jobs: Service, sample: MakeSample) -> None:
    torrent = await sample(600, 600, 900)
    user = await on_plan(jobs, storage=1000)
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
    await user.select(job, [1])  # what it gives up makes room
    assert (await user.usage()).reserved_bytes == 600
    for too_much in ([0, 1], None):
        await refused("storage_quota_exceeded", user.select(job, too_much))
    assert (await user.usage()).reserved_bytes == 600
    assert [file.selected for file in await user.files(job)] == [False, True, False]
    await user.select(job, [2])
    assert (await user.usage()).reserved_bytes == 900
