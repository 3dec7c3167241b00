"""Writes that go up with their CRC32, before a server that checks as AWS S3 documents it: whole transfers by agents
with a key and without, and an answer that tells another sum than was sent."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.test_transfers import made
from tests.integration.agent.working import Working, assert_stored, completed, working
from tests.integration.jobs.conftest import own_world, settled
from tests.integration.jobs.running import Service, running
from tests.ports import PORTS
from tseeder_agent.adapters.s3 import Endpoint, open_part_store
from tseeder_agent.domain.storage import PartBytes, StorageUnavailable, WriteTarget
from tseeder_kit.settings import SecretStr
from tseeder_stack.s3 import S3Server
from tseeder_testkit.s3_checksums import HEADER, Crc32Guard
from tseeder_testkit.s3_faults import FaultyS3, Telling, faulty_s3
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec

FILES = (FileSpec("large", 11 * MIB + 5), FileSpec("empty", 0), FileSpec("small", 200 * KIB))


@dataclass(frozen=True)
class Ground:
    """A jobs service whose S3 server wants CRC32 where an upload was opened with it."""

    jobs: Service
    guard: Crc32Guard
    folder: Path
    own: dict[str, Any]

    def start(self) -> AbstractAsyncContextManager[Working]:
        return working(self.jobs, self.folder / "scratch", **self.own)


@pytest.fixture(params=["key", "presigned"])
async def ground(
    request: pytest.FixtureRequest,
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    tmp_path: Path,
) -> AsyncIterator[Ground]:
    """Each way of agents to write."""
    guard = Crc32Guard()
    name = f"checksums_{request.param}"
    async with (
        faulty_s3(rclone_server.endpoint, guard=guard) as proxy,
        own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, name) as world,
        running(
            world,
            rpc_port=PORTS.pick("jobs"),
            s3_endpoint=proxy.url,
            s3_agent_endpoint=proxy.url,
            s3_part_checksums=True,
            agent_writes=request.param,
        ) as service,
    ):
        keyless = {"s3_endpoint": None, "s3_access_key": None, "s3_secret_key": SecretStr("")}
        yield Ground(service, guard, tmp_path, {"s3_endpoint": proxy.url} if request.param == "key" else keyless)


async def test_every_write_goes_up_with_its_checksum(ground: Ground, tmp_path: Path) -> None:
    sample = await made(tmp_path, FILES)
    async with swarming(sample) as lo, ground.start():
        user = ground.jobs.user()
        job = await user.submit(magnet=sample.magnet(trackers=[lo.url]))
        await completed(user, job)
        await assert_stored(user, job, sample)
    assert ground.guard.checked == {
        "UploadPart": 3,
        "PutObject": 1,
        "CompleteMultipartUpload": 1,
    }  # parts of 5 MiB here
    assert not ground.guard.refused
    await user.delete(job)
    await settled(ground.jobs)


@pytest.fixture
async def proxy(s3: S3Server) -> AsyncIterator[FaultyS3]:
    async with faulty_s3(s3.endpoint) as proxy:
        yield proxy


async def test_a_write_counts_only_with_the_checksum_that_was_sent(s3: S3Server, proxy: FaultyS3) -> None:
    endpoint = Endpoint(proxy.url, s3.region, s3.agent.access, s3.agent.secret)
    data = b"whole"
    body = PartBytes(data, zlib.crc32(data), hashlib.sha256(data).digest())
    target = WriteTarget(s3.bucket, "k", with_crc32=True)
    async with open_part_store(endpoint) as store:
        proxy.fail(Telling(HEADER, "AAAAAA=="), "PutObject", times=1)
        with pytest.raises(StorageUnavailable) as caught:
            await store.put(target, body)
        assert caught.value.details["cause"] == "ChecksumDiffers"
        assert await store.put(target, body)
