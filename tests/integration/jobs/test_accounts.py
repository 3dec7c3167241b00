"""What becomes of accounts at auth, here: links of the suspended are dead, and of the deleted nothing is left."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.integration.auth.running import PASSWORD, ROOT, Auth, running_auth
from tests.integration.jobs.barriers import barrier
from tests.integration.jobs.conftest import MakeSample, NewWorld
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import Service, User, World, eventually, refused, running
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1 import grants_pb2, links_pb2
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.settings import SecretStr
from tseeder_rpc import use_identity
from tseeder_testkit.torrents import Sample

TOKEN = "a token of the jobs service"


@dataclass(frozen=True)
class Ground:
    """A jobs service that follows a real auth service."""

    auth: Auth
    jobs: Service
    agent: Agent

    async def person(self) -> tuple[User, auth_pb2.User]:
        """Somebody with an account."""
        made = await self.auth.new_user()
        return replace(self.jobs.user(), user_id=uuid.UUID(made.user_id)), made

    async def suspend(self, who: auth_pb2.User, *, suspended: bool = True) -> None:
        """An operator does."""
        with use_identity(await self.auth.root_identity()):
            request = auth_pb2.SetSuspendedRequest(user_id=who.user_id, suspended=suspended)
            await self.auth.accounts.SetSuspended(request)

    async def delete(self, who: auth_pb2.User) -> None:
        """He does so himself."""
        with use_identity(await self.auth.identity(who.email)):
            await self.auth.me.DeleteMe(auth_pb2.DeleteMeRequest(proof=auth_pb2.Proof(password=PASSWORD)))

    async def stored(self, user: User, torrent: Sample) -> model.Job:
        """A completed job of his."""
        job = await user.submit(torrent=torrent.torrent.read_bytes())
        if job.state != model.JOB_STATE_COMPLETED:
            await self.agent.run(await self.agent.claim_one(), torrent)
        return await user.reaches(job, model.JOB_STATE_COMPLETED)

    async def closed(self, user: User, reason: str | None) -> None:
        """Waits until jobs knows."""

        held = "SELECT reason FROM closed_accounts WHERE user_id = $1"

        async def known() -> bool:
            return bool(await self.jobs.value(held, user.user_id) == reason)

        await eventually(known)

    async def erased(self, user: User) -> None:
        """Waits until no table of the schema holds his id, but for the one that says that he is erased."""
        await eventually(lambda: self._erased(user), seconds=30)

    async def _erased(self, user: User) -> bool:
        return not await self.traces(user)

    async def traces(self, user: User) -> list[str]:
        """The tables that hold his id in any column."""
        tables = await self.jobs.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )
        found = []
        for (table,) in tables:
            held = f"SELECT EXISTS (SELECT 1 FROM {table} AS t WHERE t::text LIKE $1)"  # noqa: S608 - the catalogue's names
            if table != "closed_accounts" and await self.jobs.value(held, f"%{user.user_id}%"):
                found.append(table)
        done = "SELECT erased_at IS NOT NULL FROM closed_accounts WHERE user_id = $1"
        return found if await self.jobs.value(done, user.user_id) else [*found, "closed_accounts"]


@asynccontextmanager
async def following(world: World, auth: Auth, **changes: Any) -> AsyncIterator[Service]:
    """A jobs service that does."""
    target = f"127.0.0.1:{auth.rpc_port}"
    fields = {"auth_target": target, "auth_feed_token": SecretStr(TOKEN), "accounts_seconds": 0.2, **changes}
    async with running(world, lease_seconds=600, self_stop_seconds=400, **fields) as service:
        yield service


@pytest.fixture(scope="module")
async def world(new_world: NewWorld) -> AsyncIterator[World]:
    async with new_world("jobs_accounts") as made:
        yield made


@pytest.fixture(scope="module")
async def auth(world: World) -> AsyncIterator[Auth]:
    fields = {"jobs_feed_token": SecretStr(TOKEN), "relay_seconds": 0.1}
    async with running_auth(world.database.urls["auth"], world.nats_url, world.folder, **fields) as made:
        await made.bootstrap(ROOT)
        yield made


@pytest.fixture(scope="module")
async def ground(world: World, auth: Auth, s3_client: Any) -> AsyncIterator[Ground]:
    async with following(world, auth) as jobs:
        agent = Agent(jobs, s3_client)
        await agent.register()
        yield Ground(auth, jobs, agent)


def opening(jobs: Service, token: str) -> Awaitable[pb.OpenReadResponse]:
    return jobs.links.OpenLink(links_pb2.OpenLinkRequest(token=token))


async def test_a_suspended_owners_links_and_grants_open_nothing_until_he_is_back(
    ground: Ground, sample: MakeSample
) -> None:
    user, account = await ground.person()
    job = await ground.stored(user, await sample(100))
    (file,) = await user.files(job)
    made = await user.call(ground.jobs.links.CreateLinks, links_pb2.CreateLinksRequest(file_ids=[file.file_id]))
    grant = (await user.call(ground.jobs.grants.GrantRead, grants_pb2.GrantReadRequest(file_id=file.file_id))).grant
    token = made.links[0].token

    async def opens() -> None:
        await opening(ground.jobs, token)
        await ground.jobs.grants.OpenGrant(grants_pb2.OpenGrantRequest(grant=grant))
        await user.open_read(file)

    await opens()
    await ground.suspend(account)
    await ground.closed(user, "suspended")
    await refused("link_not_found", opening(ground.jobs, token))
    await refused("content_url_expired", ground.jobs.grants.OpenGrant(grants_pb2.OpenGrantRequest(grant=grant)))
    await refused("file_not_found", user.open_read(file))
    await refused("account_suspended", user.submit(torrent=(await sample(5)).torrent.read_bytes()))
    await ground.suspend(account, suspended=False)
    await ground.closed(user, None)
    await opens()


async def test_of_a_deleted_account_nothing_is_left_and_others_keep_what_is_theirs(
    ground: Ground, sample: MakeSample
) -> None:
    (user, account), (other, _) = await ground.person(), await ground.person()
    shared, own, private = await sample(100, 200), await sample(300), await sample(400, private=True)
    theirs = await ground.stored(other, shared)
    job = await ground.stored(user, shared)
    await ground.stored(user, own)
    await ground.stored(user, private)
    waiting, parked = await sample(50), await sample(60)
    await user.submit(torrent=waiting.torrent.read_bytes(), idempotency_key="once")
    joined = await other.submit(torrent=waiting.torrent.read_bytes())  # whose transfer he pays
    paused = await user.submit(torrent=parked.torrent.read_bytes())
    await other.pause(await other.submit(torrent=parked.torrent.read_bytes()))
    await user.pause(paused)
    await user.submit(magnet=f"magnet:?xt=urn:btih:{uuid.uuid4().hex}00000000")
    file = (await user.files(job))[0]
    made = await user.call(ground.jobs.links.CreateLinks, links_pb2.CreateLinksRequest(file_ids=[file.file_id]))
    await ground.jobs.rows("INSERT INTO bandwidth (user_id, day, bytes) VALUES ($1, '2026-01-01', 5)", user.user_id)
    assert {"jobs", "files", "links", "idempotency", "usage_months", "lanes", "charges", "torrents"} <= set(
        await ground.traces(user)
    )
    objects = "SELECT count(*) FROM objects WHERE state = 'stored'"
    stored = await ground.jobs.value(objects)
    await ground.delete(account)
    await ground.erased(user)
    await refused("link_not_found", opening(ground.jobs, made.links[0].token))
    await refused("account_deleted", user.submit(torrent=own.torrent.read_bytes()))
    assert [each.state for each in await other.files(theirs)] == [model.FILE_STATE_STORED] * 2
    assert (await other.job(joined)).state == model.JOB_STATE_QUEUED
    assert await ground.jobs.value(objects) == stored - 2  # those of nobody else
    again = await ground.auth.new_user(email=account.email)
    assert again.user_id != account.user_id
    mails = "SELECT user_id FROM mails WHERE kind = 'account_deleted' AND address = $1"
    assert await ground.auth.pool.fetchval(mails, account.email) is None


async def test_a_submit_that_began_before_leaves_nothing_behind(ground: Ground, sample: MakeSample) -> None:
    """It has seen the account open, and ends when all that there was is erased already."""
    (other, _), torrent = await ground.person(), await sample(70)
    job = await other.submit(torrent=torrent.torrent.read_bytes())
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", uuid.UUID(job.job_id))
    user = ground.jobs.user()
    done = "SELECT erased_at IS NOT NULL FROM closed_accounts WHERE user_id = $1"
    async with barrier(ground.jobs, torrent_id) as held:
        late = await held.start(lambda: user.submit(torrent=torrent.torrent.read_bytes()))
        await ground.jobs.rows("INSERT INTO closed_accounts (user_id, reason) VALUES ($1, 'deleted')", user.user_id)

        async def thought_erased() -> bool:
            return bool(await ground.jobs.value(done, user.user_id))

        await eventually(thought_erased, seconds=4.5)
    await late  # accepted: it was there before
    await ground.erased(user)
    await refused("account_deleted", user.submit(torrent=torrent.torrent.read_bytes()))


async def test_a_reader_that_lost_its_place_takes_a_snapshot(
    world: World, auth: Auth, ground: Ground, sample: MakeSample
) -> None:
    """A service that was away while the feed went on without it."""
    people = [await ground.person() for _ in range(4)]
    (suspended, one), (deleted, two), (back, three), (living, _) = people
    unheard_of = ground.jobs.user()  # as if auth's database had been restored
    for user in (*(user for user, _ in people), unheard_of):
        await user.submit(torrent=(await sample(10)).torrent.read_bytes())
    await ground.suspend(three)
    await ground.closed(back, "suspended")
    # The turn is somebody's who never ends it: nobody reads on.
    hold = "UPDATE account_feed SET turn = gen_random_uuid(), turn_ends_at = 'infinity' RETURNING true"

    async def held() -> bool:
        return bool(await ground.jobs.value(f"{hold}"))

    await eventually(held)
    await ground.suspend(one)
    await ground.suspend(three, suspended=False)
    await ground.delete(two)
    stranger = await auth.new_user()
    await ground.suspend(stranger)

    async def stamped() -> bool:
        return not await auth.pool.fetchval("SELECT count(*) FROM feed WHERE seq IS NULL")

    await eventually(stamped)
    async with auth.pool.acquire() as tx, tx.transaction():
        await tx.execute("UPDATE feed_readers SET acked_seq = NULL")
        await tx.execute("DELETE FROM feed")
    await ground.jobs.rows("UPDATE account_feed SET turn_ends_at = '-infinity'")
    await ground.closed(suspended, "suspended")
    await ground.closed(replace(living, user_id=uuid.UUID(stranger.user_id)), "suspended")
    await ground.erased(deleted)
    await ground.closed(back, None)
    for user in (living, unheard_of):
        assert await ground.jobs.value("SELECT reason FROM closed_accounts WHERE user_id = $1", user.user_id) is None
        assert len((await user.list_jobs()).jobs) == 1
    head = await auth.pool.fetchval("SELECT seq FROM feed_head")

    async def caught_up() -> bool:
        return bool(await ground.jobs.value("SELECT seq >= $1 FROM account_feed", head))

    await eventually(caught_up)
