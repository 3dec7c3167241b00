"""One jobs service for the session, with a real billing service, Postgres, NATS and S3; a check of the invariants
after each test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.invariants import violations
from tests.integration.jobs.playing import Agent, agents_s3
from tests.integration.jobs.running import Service, World, eventually, running, world
from tseeder_stack.backing import make_bucket
from tseeder_stack.provision import create_database
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

KIB = 1 << 10
SERIAL = itertools.count(1)

MakeSample = Callable[..., Awaitable[Sample]]
MakeAgent = Callable[[], Awaitable[Agent]]
NewWorld = Callable[[str], AbstractAsyncContextManager[World]]


@asynccontextmanager
async def own_world(
    postgres: Any, template: str, nats_url: str, s3: S3Server, folder: Path, name: str
) -> AsyncIterator[World]:
    """A database with all schemas, and a bucket, for one jobs service."""
    await create_database(postgres.admin_url, name, template=template)
    # Other suites in this process write to the server's own bucket, and I3 counts every object.
    own = replace(s3, bucket=name.replace("_", "-"))
    await make_bucket(own)
    async with world(postgres.database(name), nats_url, own, folder) as made:
        yield made


@pytest.fixture(scope="session")
def new_world(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> NewWorld:
    """`async with new_world("jobs_races") as world`: one more, of that name, on rclone."""

    def make(name: str) -> AbstractAsyncContextManager[World]:
        return own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path_factory.mktemp(name), name)

    return make


@pytest.fixture(scope="session")
async def jobs_world(new_world: NewWorld) -> AsyncIterator[World]:
    """What the session's service stands on."""
    async with new_world("jobs_tests") as made:
        yield made


@pytest.fixture(scope="session")
async def session_service(jobs_world: World) -> AsyncIterator[Service]:
    """The session's service; its leases outlive every test."""
    async with running(jobs_world, lease_seconds=600, self_stop_seconds=400) as service:
        yield service


@pytest.fixture
async def jobs(session_service: Service) -> AsyncIterator[Service]:
    """The session's service. After the test the invariants hold, and nothing of the test is left in the queue."""
    session_service.users.clear()
    yield session_service
    try:
        await settled(session_service)
    finally:
        await clear(session_service)


async def settled(service: Service) -> None:
    """Sweeps have done their work, and I1, I3 and I4 hold."""
    found: list[str] = []

    async def sound() -> bool:
        found[:] = await violations(service.world.database.urls["jobs"], service.world.s3)
        return not found

    try:
        await eventually(sound, seconds=15)
    except TimeoutError:
        raise AssertionError("\n".join(found)) from None


async def clear(service: Service) -> None:
    """Nothing of this test's users waits in the queue."""
    for user in service.users:
        for job in (await user.list_jobs(limit=200)).jobs:
            await user.delete(job)


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    """Torrents that no other test has: `await sample(10, 20)` makes one of two files with that many bytes."""

    async def make(*sizes: int, **fields: Any) -> Sample:
        files = tuple(FileSpec(f"folder/file-{number:04}.bin", size) for number, size in enumerate(sizes))
        serial = next(SERIAL)
        spec = TorrentSpec(files, **{"name": f"sample {serial}", "seed": serial, "piece_length": 16 * KIB, **fields})
        return await asyncio.to_thread(write_torrent, tmp_path / f"torrent-{serial}", spec)

    return make


@pytest.fixture(scope="session")
async def s3_client(rclone_server: S3Server) -> AsyncIterator[Any]:
    """S3 with the agents' key."""
    async with agents_s3(rclone_server) as client:
        yield client


@pytest.fixture
def agent(jobs: Service, s3_client: Any) -> MakeAgent:
    """`await agent()`: one that has registered."""

    async def make() -> Agent:
        made = Agent(jobs, s3_client)
        await made.register()
        return made

    return make
