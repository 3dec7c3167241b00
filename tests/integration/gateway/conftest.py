"""All real services once for the session, and a gateway before them."""

from __future__ import annotations

import asyncio
import io
import itertools
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.auth.running import ROOT, running_auth
from tests.integration.gateway.flaky import flaky_s3
from tests.integration.gateway.running import Caller, Door, Upstream, running, running_admin, signed_in
from tests.integration.jobs.playing import Agent, agents_s3
from tests.integration.jobs.running import running as running_jobs
from tests.integration.jobs.running import world
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1.agents_pb2 import LeaseRef
from tseeder_stack.backing import make_bucket
from tseeder_stack.provision import create_database
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

KIB = 1 << 10
MIB = 1 << 20
SERIAL = itertools.count(1_000_000)

MakeDoor = Callable[..., Awaitable[Door]]
MakeSample = Callable[..., Awaitable[Sample]]


@pytest.fixture(scope="session")
def auth_settings() -> dict[str, Any]:
    """Of the auth service, beside the usual ones."""
    return {}


@pytest.fixture(scope="session")
async def upstream(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    auth_settings: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Upstream]:
    """The services; jobs reaches S3 through a proxy that can break, and gives public URLs past it."""
    name = f"gateway-{uuid.uuid4().hex[:12]}"  # tests/fuzz has one, too, perhaps in this very session
    await create_database(postgres.admin_url, name.replace("-", "_"), template=migrated_template)
    database = postgres.database(name.replace("-", "_"))
    folder = tmp_path_factory.mktemp("gateway")
    own_bucket = replace(rclone_server, bucket=name)
    await make_bucket(own_bucket)
    async with AsyncExitStack() as stack:
        flaky = await stack.enter_async_context(flaky_s3(rclone_server.endpoint))
        s3 = replace(own_bucket, endpoint=flaky.url)
        made = await stack.enter_async_context(world(database, nats_url, s3, folder))
        auth = await stack.enter_async_context(running_auth(database.urls["auth"], nats_url, folder, **auth_settings))
        await auth.bootstrap(ROOT)
        jobs = await stack.enter_async_context(
            running_jobs(
                made,
                rpc_port=free_port(),
                lease_seconds=600,
                self_stop_seconds=400,
                sweep_seconds=5,  # it stands there for minutes, and would spend much of them on nothing
                parse_seconds=60,  # a torrent of 70,000 files, on a busy machine
                s3_public_endpoint=rclone_server.endpoint,
            )
        )
        admin = await stack.enter_async_context(running_admin(database.urls["admin"], auth, jobs))
        yield Upstream(auth, jobs, admin, flaky, nats_url)


@pytest.fixture(scope="session")
async def door(upstream: Upstream) -> AsyncIterator[Door]:
    """The session's gateway."""
    async with running(upstream) as made:
        yield made


@pytest.fixture
async def make_door(upstream: Upstream) -> AsyncIterator[MakeDoor]:
    """`await make_door(content_redirect=True)`: a gateway of the test's own."""
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> Door:
            return await stack.enter_async_context(running(upstream, **changes))

        yield make


@pytest.fixture(scope="session")
async def user(upstream: Upstream) -> Caller:
    """Somebody, with an API key of all of a user's scopes."""
    return await signed_in(upstream)


@pytest.fixture(scope="session")
async def stranger(upstream: Upstream) -> Caller:
    """Somebody else."""
    return await signed_in(upstream)


@pytest.fixture(scope="session")
async def operator(upstream: Upstream) -> Caller:
    """An admin."""
    return await signed_in(upstream, auth_pb2.ROLE_ADMIN)


@pytest.fixture(scope="session")
async def support(upstream: Upstream) -> Caller:
    """Somebody who looks."""
    return await signed_in(upstream, auth_pb2.ROLE_SUPPORT)


@pytest.fixture(autouse=True)
def healthy(upstream: Upstream) -> None:
    """S3 is well when a test begins."""
    upstream.flaky.heal()


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    """`await sample({"folder/name.txt": 10})`: a torrent that no other test has."""

    async def make(files: dict[str, int], **fields: Any) -> Sample:
        serial = next(SERIAL)
        specs = tuple(FileSpec(path, size) for path, size in files.items())
        spec = TorrentSpec(specs, **{"name": f"sample {serial}", "seed": serial, "piece_length": 16 * KIB, **fields})
        return await asyncio.to_thread(write_torrent, tmp_path / f"torrent-{serial}", spec)

    return make


@pytest.fixture(scope="session")
async def agent(upstream: Upstream) -> AsyncIterator[Agent]:
    """An agent that has registered, as jobs sees one."""
    async with agents_s3(upstream.jobs.world.s3) as client:
        made = Agent(upstream.jobs, client)
        await made.register()
        yield made


@dataclass(frozen=True)
class Library:
    """A completed job of `user`: its files by path, their ids and contents."""

    job_id: str
    ids: dict[str, str]
    contents: dict[str, bytes]
    torrent: Sample

    def url(self, path: str) -> str:
        """Where a file's content is."""
        return f"/v1/files/{self.ids[path]}/content"


CONTENTS = {
    "film.mp4": 300 * KIB + 7,
    "Füße – 映画.mkv": 1000,
    "notes.txt": 100,
    "page.html": 50,
    "drawing.svg": 51,
    "empty.txt": 0,
    "big.bin": 12 * MIB,
}


@pytest.fixture(scope="session")
async def library(
    upstream: Upstream, door: Door, user: Caller, agent: Agent, tmp_path_factory: pytest.TempPathFactory
) -> Library:
    """A completed job with files of many kinds."""
    specs = tuple(FileSpec(path, size) for path, size in CONTENTS.items())
    spec = TorrentSpec(specs, name="library", seed=77, piece_length=256 * KIB)
    torrent = await asyncio.to_thread(write_torrent, tmp_path_factory.mktemp("library"), spec)
    job_id = await submitted(door, user, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    files = await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)
    ids = {"/".join(file["path"]): file["file_id"] for file in files.json["items"]}
    contents = {file.path: torrent.path_of(file).read_bytes() for file in torrent.files}
    return Library(job_id, {path: ids[path] for path in CONTENTS}, contents, torrent)


async def submitted(door: Door, who: Caller, torrent: Sample) -> str:
    """The id of a job for this torrent."""
    data = torrent.torrent.read_bytes()
    answer = await door.call("POST", "/v1/jobs", user=who, data=upload(data))
    assert answer.status == 202, answer
    return str(answer.json["job_id"])


async def lease_of(agent: Agent, job_id: str) -> LeaseRef:
    """The lease of this job's transfer; those that other tests left in the queue are given back for later."""
    while True:
        lease = await agent.claim_one()
        if job_id in (await agent.describe(lease)).views:
            return lease
        await agent.release(lease, not_before_seconds=3600)


def upload(torrent: bytes, **fields: str) -> Any:
    """A multipart body."""
    form = aiohttp.FormData()
    form.add_field("torrent", io.BytesIO(torrent), filename="x.torrent", content_type="application/x-bittorrent")
    for name, value in fields.items():
        form.add_field(name, value)
    return form


def free_port() -> int:
    """A port on loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
