"""Completions whose answers are lost, late or lies, presigned writes, and what nobody owns: jobs on RadosGW, which it
reaches through a proxy that goes wrong. Rows 9 and 10 of the fault matrix."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.faults.invariants import object_keys
from tests.integration.jobs.conftest import own_world, settled
from tests.integration.jobs.playing import agents_s3, put_by
from tests.integration.jobs.running import Service, eventually, running
from tests.integration.jobs.test_s3 import rules_of
from tests.integration.jobs.test_writes import Scene, scene, stored_right, verdicts
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.domain.lifecycle import ABORT_RULE_ID
from tseeder_kit.errors import AppError
from tseeder_kit.ids import object_key
from tseeder_kit.telemetry import exposition
from tseeder_stack.s3 import S3Server, signed
from tseeder_testkit.s3_faults import Answer, Cut, Fault, FaultyS3, Held, Lost, Reset, error, faulty_s3

__all__ = ["scene"]

pytestmark = pytest.mark.radosgw
STORED, LATER = pb.COMPLETE_VERDICT_STORED, pb.COMPLETE_VERDICT_LATER


@dataclass(frozen=True)
class Ground:
    """A jobs service, the proxy before its S3, and a client with the agents' key that goes past the proxy."""

    service: Service
    proxy: FaultyS3
    client: Any


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """The client's pause before its second try is up to a second, by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
        yield


@pytest.fixture(scope="module")
async def ground(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    radosgw_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Ground]:
    folder = tmp_path_factory.mktemp("storage-faults")
    settings: dict[str, Any] = {
        "lease_seconds": 600,
        "self_stop_seconds": 400,
        "agent_writes": "presigned",
        "s3_agent_endpoint": radosgw_server.endpoint,
        "s3_timeout_seconds": 0.5,
        "upload_lifetime_days": 0,
    }
    async with (
        own_world(postgres, migrated_template, nats_url, radosgw_server, folder, "storage_faults") as world,
        faulty_s3(radosgw_server.endpoint) as proxy,
        running(world, s3_endpoint=proxy.url, **settings) as service,
        agents_s3(world.s3) as client,
    ):
        yield Ground(service, proxy, client)


@pytest.fixture
async def proxy(ground: Ground) -> AsyncIterator[FaultyS3]:
    """The proxy, counting from 0; it is well again before the invariants are looked at."""
    ground.proxy.struck.clear()
    yield ground.proxy
    ground.proxy.heal()


@pytest.fixture
def on_s3(ground: Ground) -> tuple[Service, Any]:
    """What `scene` is set up on."""
    return ground.service, ground.client


async def one_object_each(scene: Scene) -> None:
    """The torrent's two files are two objects, of the right bytes, and nothing else is there."""
    await stored_right(scene)
    await settled(scene.service)
    assert len(await asyncio.to_thread(object_keys, scene.service.world.s3)) == 2


async def carried(scene: Scene, files: int) -> None:
    """Wait until so many files are stored."""

    async def there() -> bool:
        return (await scene.user.job(scene.job)).stored_files == files

    await eventually(there)


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        pytest.param(Lost(), 1, id="nothing, once"),
        pytest.param(Lost(), -1, id="nothing, ever", marks=pytest.mark.faults),
        pytest.param(Cut(), -1, id="half of it", marks=pytest.mark.faults),
        pytest.param(error(200, "InternalError", after=True), -1, id="200 with an error in it"),
    ],
)
async def test_of_a_completion_that_s3_did_comes_back(scene: Scene, proxy: FaultyS3, fault: Fault, times: int) -> None:
    """Row 9: one object, right bytes, job completed; nothing goes up again."""
    agent, lease = scene.agent, scene.lease
    await agent.send(lease, [*scene.parts(), scene.small()])
    proxy.fail(fault, "CompleteMultipartUpload", times=times)
    assert verdicts(await agent.complete(lease, 0, 1)) == [STORED, STORED]
    assert proxy.struck["CompleteMultipartUpload"] >= 1
    assert await agent.finish(lease, scene.described.header.wanted_version)
    await one_object_each(scene)
    assert len(agent.put) == 4


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(error(503, "SlowDown"), id="SlowDown", marks=pytest.mark.faults),
        pytest.param(error(200, "InternalError"), id="200 with an error in it"),
        pytest.param(Answer(200), id="200 and nothing"),
        pytest.param(Answer(500), id="500", marks=pytest.mark.faults),
        pytest.param(Reset(), id="a reset", marks=pytest.mark.faults),
        pytest.param(Held(), id="nothing for long"),
    ],
)
async def test_a_completion_that_s3_did_not_do_is_never_called_stored(
    scene: Scene, proxy: FaultyS3, fault: Fault
) -> None:
    """Row 10, at the completion and at the look that follows it."""
    agent, lease = scene.agent, scene.lease
    await agent.send(lease, [*scene.parts(), scene.small()])
    proxy.fail(fault, "CompleteMultipartUpload", "HeadObject")
    assert verdicts(await agent.complete(lease, 0, 1)) == [LATER, LATER]

    async def struck() -> bool:  # and the sweep meets it, too
        return proxy.struck["CompleteMultipartUpload"] > 2

    await eventually(struck)
    job = await scene.user.job(scene.job)
    assert (job.stored_files, job.stored_bytes) == (0, 0)
    assert job.state != model.JOB_STATE_COMPLETED
    assert not await agent.finish(lease, scene.described.header.wanted_version)
    proxy.heal()
    await carried(scene, 1)
    assert verdicts(await agent.complete(lease, 0, 1)) == [STORED, STORED]
    assert await agent.finish(lease, scene.described.header.wanted_version)
    await one_object_each(scene)
    assert len(agent.put) == 4


@pytest.mark.parametrize("fault", [Lost(), Answer(200)], ids=repr)
async def test_an_upload_whose_opening_was_not_heard_of_is_not_left_behind(
    scene: Scene, proxy: FaultyS3, fault: Fault
) -> None:
    agent, lease = scene.agent, scene.lease
    proxy.fail(fault, "CreateMultipartUpload", "ListMultipartUploads", times=2)

    async def planned() -> bool:
        try:
            plans = await agent.plan(lease, [piece.intent for piece in scene.parts()])
        except AppError as exc:
            if exc.code != "storage_unavailable":
                raise
            return False
        return verdicts(plans) == [pb.WRITE_VERDICT_GO] * 3

    await eventually(planned)
    assert proxy.struck["CreateMultipartUpload"] >= 1
    await agent.run(lease, scene.torrent)
    await one_object_each(scene)


async def test_a_presigned_url_is_for_one_write(scene: Scene) -> None:
    agent, lease = scene.agent, scene.lease
    part, small = scene.parts(1)[0], scene.small()
    first, put = await agent.plan(lease, [part.intent, small.intent])
    assert (await put_by(first.presigned_url, part.body[1:]))[0] == 403
    assert (await put_by(first.presigned_url.replace("partNumber=1", "partNumber=2"), part.body))[0] == 403
    assert (await put_by(put.presigned_url, small.body[1:]))[0] == 403
    await agent.send(lease, [*scene.parts(), small])
    again = (await agent.plan(lease, [small.intent]))[0]
    assert (again.verdict, again.presigned_url) == (pb.WRITE_VERDICT_HELD, "")
    assert verdicts(await agent.complete(lease, 0, 1)) == [STORED, STORED]
    assert await agent.finish(lease, scene.described.header.wanted_version)
    await stored_right(scene)
    rows = await scene.service.rows("SELECT outcome FROM attempts WHERE transfer_id = $1", uuid.UUID(lease.transfer_id))
    assert len(rows) == 1


async def test_what_is_stored_cannot_be_replaced_by_a_url_that_is_still_good(scene: Scene) -> None:
    agent, lease = scene.agent, scene.lease
    plans = await agent.plan(lease, [piece.intent for piece in (*scene.parts(), scene.small())])
    pieces = [*scene.parts(), scene.small()]
    results = [await agent.write(plan, piece.body) for plan, piece in zip(plans, pieces, strict=True)]
    await agent.confirm(lease, results)
    assert verdicts(await agent.complete(lease, 0, 1)) == [STORED, STORED]
    for plan, piece, status in zip(plans, pieces, (404, 404, 404, 412), strict=True):
        assert (await put_by(plan.presigned_url, b"?" * len(piece.body)))[0] == status
    assert await agent.finish(lease, scene.described.header.wanted_version)
    await one_object_each(scene)


async def test_the_bucket_gets_its_rule_and_what_nobody_owns_goes(ground: Ground) -> None:
    """What the database knows as given up is deleted; what it never heard of only where the operator says so."""
    s3 = ground.service.world.s3
    late, unknown, foreign = object_key(), object_key(), "backups/2026.tar"
    await ground.service.rows(
        """INSERT INTO objects (object_id, object_key, size_bytes, state, epoch, transfer_id, deleted_at, keep_until)
           VALUES (gen_random_uuid(), $1, 1, 'gone', 1, gen_random_uuid(), clock_timestamp(), clock_timestamp())""",
        late,
    )
    before = unknowns()
    for key in (late, unknown, foreign):
        await asyncio.to_thread(signed, s3, "PUT", f"/{s3.bucket}/{key}", body=b"x")

    async def keys() -> set[str]:
        return await asyncio.to_thread(object_keys, s3) & {late, unknown, foreign}

    async def are(*wanted: str) -> bool:
        return await keys() == set(wanted)

    quick: dict[str, Any] = {"sweep_seconds": 0.1, "orphan_seconds": 0.001}
    async with running(ground.service.world, upload_lifetime_days=45, **quick):
        await eventually(partial(are, unknown, foreign))
        await eventually(partial(ruled, s3))
        assert unknowns() > before
    assert (await rules_of(s3))[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 45}
    async with running(ground.service.world, delete_unknown_objects=True, **quick):
        await eventually(partial(are, foreign))
    await asyncio.to_thread(signed, s3, "DELETE", f"/{s3.bucket}/{foreign}")
    await settled(ground.service)


async def ruled(s3: S3Server) -> bool:
    """Whether the bucket has our rule."""
    status, _ = await asyncio.to_thread(signed, s3, "GET", f"/{s3.bucket}", query={"lifecycle": ""})
    return status == 200 and [rule["ID"] for rule in await rules_of(s3)] == [ABORT_RULE_ID]


def unknowns() -> float:
    """How often an object was met that the database does not know."""
    text = exposition().decode()
    found = [line for line in text.splitlines() if line.startswith('tseeder_jobs_orphans_total{kind="unknown"}')]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0
