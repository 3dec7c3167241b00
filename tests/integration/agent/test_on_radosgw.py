"""Whole agents on RadosGW, which checks signatures, bodies and rights: with a key that may put and nothing else, and
without any. Every byte goes through a proxy that goes wrong where it is told to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.invariants import object_keys
from tests.integration.agent.test_transfers import has, made
from tests.integration.agent.working import Working, assert_stored, completed, listening, reason_code, working
from tests.integration.jobs.conftest import own_world, settled
from tests.integration.jobs.running import Service, User, eventually, running
from tests.ports import PORTS
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.clock import now
from tseeder_kit.settings import SecretStr
from tseeder_stack.s3 import S3Server
from tseeder_testkit.s3_faults import Answer, Fault, FaultyS3, Held, Lost, Reset, error, faulty_s3
from tseeder_testkit.swarm import swarming
from tseeder_testkit.torrents import KIB, MIB, FileSpec, Sample, Version

pytestmark = pytest.mark.radosgw

FILES = (FileSpec("large", 6 * MIB + 5), FileSpec("empty", 0), FileSpec("small", 200 * KIB), FileSpec("tiny", 1))
URL_SECONDS = 2
PATIENT: dict[str, Any] = {"heartbeat_seconds": 0.3, "self_stop_seconds": 20.0, "lease_seconds": 30.0}


@dataclass(frozen=True)
class Ground:
    """A jobs service whose agents reach S3 by way of `proxy`."""

    jobs: Service
    proxy: FaultyS3
    folder: Path
    presigned: bool

    def start(self, name: str = "scratch", **changes: Any) -> AbstractAsyncContextManager[Working]:
        """An agent; where writes are presigned it holds no key, and knows no S3 server."""
        own: dict[str, Any] = {"s3_endpoint": self.proxy.url}
        if self.presigned:
            own = {"s3_endpoint": None, "s3_access_key": None, "s3_secret_key": SecretStr("")}
        return working(self.jobs, self.folder / name, **own, **changes)


async def torn_down(service: Service) -> None:
    """Nothing is left without an owner, and usage is right."""
    for user in service.users:
        for job in (await user.list_jobs(limit=200)).jobs:
            await user.delete(job)
    await settled(service)


@pytest.fixture(scope="module")
async def services(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    radosgw_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[FaultyS3, Service, Service]]:
    """The proxy, and two jobs services: one whose agents have a key, and which comes through the proxy itself; one that
    presigns."""
    folder = tmp_path_factory.mktemp("agents-radosgw")
    (folder / "keyless").mkdir()
    async with (
        faulty_s3(radosgw_server.endpoint) as proxy,
        own_world(postgres, migrated_template, nats_url, radosgw_server, folder, "agents_key") as first,
        own_world(postgres, migrated_template, nats_url, radosgw_server, folder / "keyless", "agents_no_key") as second,
        running(first, rpc_port=PORTS.pick("keyed"), s3_endpoint=proxy.url, **PATIENT) as keyed,
        running(
            second,
            rpc_port=PORTS.pick("keyless"),
            agent_writes="presigned",
            s3_agent_endpoint=proxy.url,
            presign_write_seconds=URL_SECONDS,
            **PATIENT,
        ) as keyless,
    ):
        yield proxy, keyed, keyless


@pytest.fixture
async def keyed(services: tuple[FaultyS3, Service, Service], tmp_path: Path) -> AsyncIterator[Ground]:
    """Agents have a key of their own."""
    proxy, service, _ = services
    service.users.clear()
    proxy.heal()
    yield Ground(service, proxy, tmp_path, presigned=False)
    proxy.heal()
    await torn_down(service)


@pytest.fixture
async def keyless(services: tuple[FaultyS3, Service, Service], tmp_path: Path) -> AsyncIterator[Ground]:
    """Agents have none."""
    proxy, _, service = services
    service.users.clear()
    proxy.heal()
    yield Ground(service, proxy, tmp_path, presigned=True)
    proxy.heal()
    await torn_down(service)


@pytest.fixture(params=["keyed", "keyless"])
def ground(request: pytest.FixtureRequest) -> Ground:
    """Each in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Ground)
    return found


async def stored_once(ground: Ground, user: User, job: model.Job, sample: Sample) -> None:
    """Completed by one attempt; each file that has bytes is one object, of the right bytes, and was planned once."""
    await completed(user, job)
    await assert_stored(user, job, sample)
    await settled(ground.jobs)
    assert len(await asyncio.to_thread(object_keys, ground.jobs.world.s3)) == sum(
        file.size > 0 for file in sample.files
    )
    transfer = uuid.UUID(await ground.jobs.transfer_of(job))
    assert await ground.jobs.value("SELECT count(*) FROM attempts WHERE transfer_id = $1", transfer) == 1
    with_bytes = sum(file.size > 0 for file in sample.files)
    assert await ground.jobs.value("SELECT count(*) FROM objects WHERE transfer_id = $1", transfer) == with_bytes


@pytest.mark.parametrize(("ground", "version"), [("keyless", "hybrid"), ("keyless", "v2")], indirect=["ground"])
async def test_a_magnet_becomes_objects(ground: Ground, tmp_path: Path, version: Version) -> None:
    sample = await made(tmp_path, FILES, version=version)
    async with swarming(sample) as lo, ground.start():
        user = ground.jobs.user()
        job = await user.submit(magnet=sample.magnet(trackers=[lo.url]))
        await stored_once(ground, user, job, sample)


FAULTS: tuple[Fault, ...] = (
    Lost(),
    Reset(),
    error(503, "SlowDown"),
    error(200, "InternalError"),
    Answer(200),
    error(500, "InternalError", after=True),
)


async def test_writes_that_go_wrong_are_made_again(ground: Ground, tmp_path: Path) -> None:
    """Row 10 at the agent's own calls. A small file whose answer is lost is there already when it goes up again."""
    sample = await made(tmp_path, FILES)
    ground.proxy.struck.clear()
    for operation in ("UploadPart", "PutObject"):
        ground.proxy.fail_in_turn(operation, *FAULTS)
    async with swarming(sample) as lo, ground.start():
        user = ground.jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await stored_once(ground, user, job, sample)
    assert ground.proxy.struck == {"UploadPart": len(FAULTS), "PutObject": len(FAULTS)}


async def test_a_completion_whose_answer_is_lost_is_one_object(keyed: Ground, tmp_path: Path) -> None:
    """Row 9, and the looks that follow fail, too."""
    sample = await made(tmp_path, FILES)
    keyed.proxy.struck.clear()
    keyed.proxy.seen.clear()
    keyed.proxy.fail_in_turn("CompleteMultipartUpload", Lost(), Lost())
    keyed.proxy.fail_in_turn("HeadObject", *[error(503, "SlowDown")] * 4)
    async with swarming(sample) as lo, keyed.start():
        user = keyed.jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await stored_once(keyed, user, job, sample)
    assert keyed.proxy.struck["CompleteMultipartUpload"] >= 1
    assert keyed.proxy.struck["HeadObject"] == 4
    assert keyed.proxy.seen["UploadPart"] == 2, "a part went up twice"


async def test_what_s3_did_not_take_is_not_called_stored(keyless: Ground, tmp_path: Path) -> None:
    sample = await made(tmp_path, FILES)
    keyless.proxy.fail(error(503, "SlowDown"), "UploadPart", "PutObject")
    async with swarming(sample) as lo, keyless.start():
        user = keyless.jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await reason_code(user, job, "storage_unavailable")
        seen = await user.job(job)
        assert (seen.stored_bytes, seen.state == model.JOB_STATE_COMPLETED) == (0, False)
        assert await asyncio.to_thread(object_keys, keyless.jobs.world.s3) == set()
        keyless.proxy.heal()
        await stored_once(keyless, user, job, sample)


@pytest.mark.faults
async def test_a_url_that_expired_is_replaced(keyless: Ground, tmp_path: Path) -> None:
    """The first writes are held up for longer than their URLs are good; no attempt is spent."""
    sample = await made(tmp_path, FILES)
    proxy = keyless.proxy
    proxy.struck.clear()
    proxy.refused.clear()
    proxy.fail(Held(), "UploadPart", "PutObject", times=2)
    async with swarming(sample) as lo, keyless.start():
        user = keyless.jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await eventually(lambda: has(proxy.struck == {"UploadPart": 2, "PutObject": 2}))
        held_at = now()
        await eventually(lambda: has((now() - held_at).total_seconds() > URL_SECONDS + 1))
        proxy.heal()
        await stored_once(keyless, user, job, sample)
    assert proxy.refused["UploadPart"] >= 2
    assert proxy.refused["PutObject"] >= 2


@pytest.mark.faults
async def test_a_second_agent_without_a_key_goes_on(keyless: Ground, tmp_path: Path) -> None:
    """With the parts that the first, which is stopped in the middle, has put; nothing goes up twice."""
    sample = await made(tmp_path, (FileSpec("large", 16 * MIB), FileSpec("other", 3 * MIB)))
    async with swarming(sample, rate=6 * MIB) as lo:
        user = keyless.jobs.user()
        async with keyless.start("first") as first:
            before = first.sent_bytes()
            job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
            async with listening(keyless.jobs, job) as shown:
                await eventually(lambda: has(any(each.uploaded_bytes for each in shown)))
        assert 0 < first.sent_bytes() - before < sample.total_size
        async with keyless.start("second") as second:
            await completed(user, job)
            await assert_stored(user, job, sample)
            assert second.sent_bytes() - before == sample.total_size, "a part went up twice"


async def test_an_agent_without_a_key_where_jobs_does_not_presign_says_so(keyed: Ground, tmp_path: Path) -> None:
    sample = await made(tmp_path, FILES)
    none: dict[str, Any] = {"s3_endpoint": None, "s3_access_key": None, "s3_secret_key": SecretStr("")}
    async with swarming(sample) as lo, working(keyed.jobs, tmp_path / "scratch", **none, hand_over_seconds=1):
        user = keyed.jobs.user()
        job = await user.submit(torrent=sample.torrent_bytes(trackers=[lo.url]))
        await reason_code(user, job, "storage_refused")
