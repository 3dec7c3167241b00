"""The operator's setting DEDUPE: off shares nothing, user shares one user's jobs, and a change of it on a living
database leaves what is there as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeSample, NewWorld, clear, settled
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, World, eventually, running
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.torrents import Sample

COMPLETED, QUEUED = model.JOB_STATE_COMPLETED, model.JOB_STATE_QUEUED


@pytest.fixture(scope="module")
async def plain_world(new_world: NewWorld) -> AsyncIterator[World]:
    """A database whose services come and go with another setting each."""
    async with new_world("jobs_unshared") as made:
        yield made


@asynccontextmanager
async def serving(world: World, dedupe: str, *, leave: bool = False) -> AsyncIterator[Service]:
    """The service under this setting; afterwards the invariants hold, and (but for `leave`) nothing waits."""
    async with running(world, dedupe=dedupe, lease_seconds=600, self_stop_seconds=400) as service:
        yield service
        await settled(service)
        if not leave:
            await clear(service)


def at(service: Service, user: User) -> User:
    """The same user, at another service."""
    return replace(user, service=service)


async def agent_of(service: Service, s3_client: Any) -> Agent:
    made = Agent(service, s3_client)
    await made.register()
    return made


async def run_next(played: Agent, torrent: Sample) -> str:
    """One transfer from claim to end; its id."""
    lease = await played.claim_one()
    if not (await played.describe(lease)).header.metadata_known:
        assert (await played.submit_metadata(lease, torrent.info)).proceed
    await played.run(lease, torrent)
    return str(lease.transfer_id)


async def torrents_of(service: Service, *users: User) -> list[Any]:
    sql = "SELECT DISTINCT torrent_id FROM jobs WHERE user_id = ANY($1::uuid[])"
    return await service.rows(sql, [user.user_id for user in users])


async def crowded(service: Service) -> list[Any]:
    """Unshared torrents of more than one job: there must be none, ever."""
    return await service.rows(
        """SELECT h.torrent_id FROM torrent_hashes h JOIN jobs j USING (torrent_id) WHERE h.unshared
           GROUP BY h.torrent_id HAVING count(DISTINCT j.job_id) > 1"""
    )


async def test_off_shares_nothing(plain_world: World, s3_client: Any, sample: MakeSample) -> None:
    """Two users, and two jobs of one user, by .torrent and by magnet: a torrent, a transfer and objects each."""
    torrent = await sample(1000, 2000)
    data, magnet = torrent.torrent.read_bytes(), torrent.magnet()
    async with serving(plain_world, "off") as jobs:
        one, two = jobs.user(), jobs.user()
        made = [
            (one, await one.submit(torrent=data)),
            (one, await one.submit(torrent=data)),
            (one, await one.submit(magnet=magnet)),
            (one, await one.submit(magnet=magnet)),
            (two, await two.submit(torrent=data)),
            (two, await two.submit(magnet=magnet)),
        ]
        assert {job.state for _, job in made} == {QUEUED}
        assert len({await jobs.transfer_of(job) for _, job in made}) == 6
        played = await agent_of(jobs, s3_client)
        ran = []
        for number in range(6):
            states = [(await user.job(job)).state for user, job in made]
            assert states.count(COMPLETED) == number  # nobody is completed by another's objects
            ran.append(await run_next(played, torrent))
        assert sorted(ran) == sorted([await jobs.transfer_of(job) for _, job in made])
        for user, job in made:
            assert (await user.job(job)).state == COMPLETED
        sql = """SELECT count(DISTINCT o.object_key) FROM objects o JOIN files f USING (entry_id)
                 WHERE f.user_id = ANY($1::uuid[]) AND o.state = 'stored'"""
        assert await jobs.value(sql, [one.user_id, two.user_id]) == 12
        assert len(await torrents_of(jobs, one, two)) == 6
        assert (await one.usage()).charged_bytes == 4 * 3000

        # Deleting one touches no other; what it held goes.
        await one.delete(made[0][1])
        await settled(jobs)
        assert await jobs.value(sql, [one.user_id, two.user_id]) == 10
        assert (await one.submit(torrent=data)).state == QUEUED  # stored five times, and none of them is found


async def test_off_moves_no_magnet_anywhere(plain_world: World, s3_client: Any, sample: MakeSample) -> None:
    torrent = await sample(1000)
    async with serving(plain_world, "off") as jobs:
        one, two = jobs.user(), jobs.user()
        magnet = await one.submit(magnet=torrent.magnet())
        cancelled = await one.submit(magnet=torrent.magnet())
        await one.cancel(cancelled)
        before = await jobs.rows("SELECT job_id, torrent_id, transfer_id FROM jobs ORDER BY job_id")
        file = await two.submit(torrent=torrent.torrent.read_bytes())
        played = await agent_of(jobs, s3_client)
        first, second = await run_next(played, torrent), await run_next(played, torrent)
        assert {first, second} == {await jobs.transfer_of(magnet), await jobs.transfer_of(file)}
        after = await jobs.rows(
            "SELECT job_id, torrent_id, transfer_id FROM jobs WHERE job_id = ANY($1) ORDER BY job_id",
            [row["job_id"] for row in before],
        )
        assert after == before
        assert not (await one.job(cancelled)).metadata_known  # another's verified bytes are not his
        assert (await one.retry(cancelled)).state == QUEUED
        await run_next(played, torrent)
        assert (await one.job(cancelled)).state == COMPLETED


async def test_a_second_transfer_of_a_digest_waits_and_then_goes_on(
    plain_world: World, s3_client: Any, sample: MakeSample
) -> None:
    torrent = await sample(1000)
    data = torrent.torrent.read_bytes()
    async with serving(plain_world, "off") as jobs:
        user = jobs.user()
        made = [await user.submit(torrent=data) for _ in range(3)]
        one, two = await agent_of(jobs, s3_client), await agent_of(jobs, s3_client)
        first = await one.claim_one()
        assert await one.claim(limit=5) == []  # never one digest twice on one agent
        second = await two.claim_one()
        assert await two.claim(limit=5) == []
        await two.run(second, torrent)
        third = await two.claim_one()
        assert await one.claim(limit=5) == []
        await two.release(third)
        await one.run(first, torrent)
        again = await one.claim_one()
        assert again.transfer_id == third.transfer_id
        await one.run(again, torrent)
        for job in made:
            assert (await user.job(job)).state == COMPLETED


@pytest.mark.faults
async def test_two_hashes_of_one_torrent_that_is_not_shared_never_run_on_one_agent(
    plain_world: World, s3_client: Any, sample: MakeSample
) -> None:
    torrent = await sample(1000, version="hybrid")
    async with serving(plain_world, "off") as jobs:
        user = jobs.user()
        by_v1 = await user.submit(info_hash=torrent.info_hash_v1)
        by_v2 = await user.submit(info_hash=torrent.info_hash_v2)
        played = await agent_of(jobs, s3_client)
        first, second = await played.claim_one(), await played.claim_one()  # nobody can know yet that they are one
        assert (await played.submit_metadata(first, torrent.info)).proceed
        answer = await played.submit_metadata(second, torrent.info)
        assert (answer.proceed, answer.reason.code) == (False, "hash_in_use")
        assert list((await played.beat(first, second)).lost) == [second]
        assert await played.claim(limit=5) == []
        await played.run(first, torrent)
        again = await played.claim_one()
        assert again.transfer_id == second.transfer_id
        await played.run(again, torrent)
        for job in (by_v1, by_v2):
            assert (await user.job(job)).state == COMPLETED


async def test_user_shares_among_one_users_jobs_only(plain_world: World, s3_client: Any, sample: MakeSample) -> None:
    torrent = await sample(1000)
    data = torrent.torrent.read_bytes()
    async with serving(plain_world, "user") as jobs:
        one, two = jobs.user(), jobs.user()
        magnet, file = await one.submit(magnet=torrent.magnet()), await one.submit(torrent=data)
        other = await two.submit(torrent=data)
        await jobs.joined(magnet, await jobs.transfer_of(file))
        played = await agent_of(jobs, s3_client)
        ran = {await run_next(played, torrent), await run_next(played, torrent)}
        assert ran == {await jobs.transfer_of(file), await jobs.transfer_of(other)}
        assert (await one.submit(magnet=torrent.magnet())).state == COMPLETED
        assert (await jobs.user().submit(torrent=data)).state == QUEUED


@pytest.mark.faults
async def test_switching_the_setting_leaves_what_is_there(
    plain_world: World, s3_client: Any, sample: MakeSample
) -> None:
    """off -> global -> user -> off: rows stay what they were written as, and nothing of them is found that the setting
    of the moment does not share."""
    torrent = await sample(1000, 2000)
    data, magnet = torrent.torrent.read_bytes(), torrent.magnet()
    async with serving(plain_world, "off", leave=True) as jobs:
        one, two = jobs.user(), jobs.user()
        stored_off = await one.submit(torrent=data)
        played = await agent_of(jobs, s3_client)
        await run_next(played, torrent)
        moving_off = await one.submit(torrent=data, selection=[0])
        magnets_off = [await one.submit(magnet=magnet), await two.submit(magnet=magnet)]

    async with serving(plain_world, "global", leave=True) as jobs:
        one, two = at(jobs, one), at(jobs, two)
        joined = await one.submit(torrent=data)
        assert joined.state == QUEUED  # what off has stored is never found, not even for him who has it
        transfer = await jobs.transfer_of(joined)
        for magnet_job in magnets_off:  # nothing was verified of them: now they are as other magnets are
            await jobs.joined(magnet_job, transfer)
        assert await jobs.transfer_of(moving_off) != transfer
        shared = await two.submit(torrent=data)
        assert await jobs.transfer_of(shared) == transfer
        played = await agent_of(jobs, s3_client)
        await run_next(played, torrent)
        await run_next(played, torrent)
        for user, job in ((one, joined), (two, shared), (one, moving_off), *zip((one, two), magnets_off, strict=True)):
            assert (await user.job(job)).state == COMPLETED
        assert (await jobs.user().submit(magnet=magnet)).state == COMPLETED
        await one.select(moving_off, None)  # goes on where it is
        await run_next(played, torrent)
        assert await crowded(jobs) == []

    async with serving(plain_world, "user", leave=True) as jobs:
        one, two, three = at(jobs, one), at(jobs, two), jobs.user()
        assert (await one.submit(magnet=magnet)).state == COMPLETED  # his own job is on it
        assert (await three.submit(torrent=data)).state == QUEUED  # of those of all he has none
        waiting = await three.submit(magnet=magnet)
        played = await agent_of(jobs, s3_client)
        await run_next(played, torrent)
        assert (await three.job(waiting)).state == COMPLETED
        assert len(await torrents_of(jobs, three)) == 1
        assert await crowded(jobs) == []
        await one.cancel(joined)
        await one.delete(joined)

    async with serving(plain_world, "off") as jobs:
        one, two, three = at(jobs, one), at(jobs, two), at(jobs, three)
        assert (await one.submit(magnet=magnet)).state == QUEUED
        assert (await three.submit(torrent=data)).state == QUEUED
        await two.select(shared, [0])  # old rows work on: shared ones, too
        assert (await two.select(shared, None)).state in (COMPLETED, QUEUED)
        assert (await one.job(stored_off)).state == COMPLETED
        assert (await one.open_read((await one.files(stored_off))[0])).object.url
        await deleted(jobs, one, two, three)


async def deleted(jobs: Service, *users: User) -> None:
    """All that these users have goes, and its rows with it."""
    for user in users:
        for job in (await user.list_jobs(limit=200)).jobs:
            await user.delete(job)

    async def all_gone() -> bool:
        sql = """SELECT count(*) FROM torrents t LEFT JOIN charges c USING (torrent_id)
                 WHERE t.scope_user_id = ANY($1::uuid[]) OR c.user_id = ANY($1::uuid[])"""
        return not await jobs.value(sql, [user.user_id for user in users])

    await eventually(all_gone)
