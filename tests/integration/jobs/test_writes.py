"""Plan, write, confirm, complete: on a lax S3 server (rclone) and on a strict one (RadosGW)."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.invariants import object_keys, object_sha256, open_uploads
from tests.integration.jobs.conftest import MakeSample, clear, own_world, settled
from tests.integration.jobs.playing import Agent, Described, Piece, agents_s3, content_of, intent, pieces, put_by
from tests.integration.jobs.running import MIB, Service, User, eventually, refused, running
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.usecases import sweep_objects
from tseeder_pg import open_pool, transaction
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

BIG = 11 * MIB  # three parts of 5 MiB at most
SMALL = 40_000


@dataclass
class Scene:
    """A user's job of a big and a small file, leased to an agent."""

    service: Service
    user: User
    job: model.Job
    torrent: Sample
    agent: Agent
    lease: pb.LeaseRef
    described: Described

    def parts(self, *numbers: int) -> list[Piece]:
        """These parts of the big file; none: all."""
        made = pieces(self.torrent, self.described.entries[0])
        return [piece for piece in made if not numbers or piece.intent.part_number in numbers]

    def small(self) -> Piece:
        """The small file."""
        return pieces(self.torrent, self.described.entries[1])[0]

    async def key(self, index: int) -> str:
        """The key of a file's stored object."""
        sql = """SELECT object_key FROM objects JOIN entries USING (entry_id) JOIN files f USING (entry_id)
                 WHERE f.job_id = $1 AND file_index = $2 AND objects.state = 'stored'"""
        return str(await self.service.value(sql, uuid.UUID(self.job.job_id), index))


@pytest.fixture(scope="module")
async def on_radosgw(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    radosgw_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Service, Any]]:
    """A service of its own on RadosGW, and a client with the agents' key."""
    bucket = replace(radosgw_server, bucket="jobs-writes")
    folder = tmp_path_factory.mktemp("radosgw")
    async with own_world(postgres, migrated_template, nats_url, bucket, folder, "jobs_radosgw") as world:
        async with running(world, lease_seconds=600, self_stop_seconds=400) as service, agents_s3(bucket) as client:
            yield service, client


@pytest.fixture(scope="module")
async def on_radosgw_presigned(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    radosgw_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Service, Any]]:
    """The same, whose agents write by URLs. The client is there for what a test does behind jobs' back."""
    bucket = replace(radosgw_server, bucket="jobs-presigned")
    folder = tmp_path_factory.mktemp("presigned")
    timing: dict[str, Any] = {"lease_seconds": 600, "self_stop_seconds": 400, "agent_writes": "presigned"}
    async with own_world(postgres, migrated_template, nats_url, bucket, folder, "jobs_presigned") as world:
        async with running(world, **timing) as service, agents_s3(bucket) as client:
            yield service, client


@pytest.fixture
async def scene(on_s3: tuple[Service, Any], sample: MakeSample) -> AsyncIterator[Scene]:
    """Set up; afterwards the invariants hold."""
    service, client = on_s3
    service.users.clear()
    torrent = await sample(BIG, SMALL)
    user = service.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    agent = Agent(service, client)
    await agent.register()
    lease = await agent.claim_one()
    yield Scene(service, user, job, torrent, agent, lease, await agent.describe(lease))
    try:
        await settled(service)
    finally:
        await clear(service)


def verdicts(items: list[Any]) -> list[int]:
    """Of plans or of completed files."""
    return [item.verdict for item in items]


async def stored_right(scene: Scene) -> None:
    """The job is completed, and S3 has the torrent's bytes."""
    assert (await scene.user.job(scene.job)).state == model.JOB_STATE_COMPLETED
    for index, file in enumerate(scene.torrent.files):
        key = await scene.key(index)
        assert await asyncio.to_thread(object_sha256, scene.service.world.s3, key) == file.sha256


class WriteTests:
    """What holds on every S3 server."""

    async def test_an_upload_that_was_opened_twice_is_not_left_behind(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        plans = await agent.plan(lease, [p.intent for p in scene.parts()])
        # As if the answer to jobs' first CreateMultipartUpload was lost, and it was sent again.
        bucket = scene.service.world.s3.bucket
        await agent.s3.create_multipart_upload(Bucket=bucket, Key=plans[0].object_key)
        assert len(await asyncio.to_thread(open_uploads, scene.service.world.s3)) == 2
        await agent.run(lease, scene.torrent)
        await stored_right(scene)
        await settled(scene.service)

    async def test_repeated_calls_change_nothing(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        first = await agent.plan(lease, [p.intent for p in scene.parts()])
        again = await agent.plan(lease, [p.intent for p in scene.parts()])
        assert first == again  # planned, not confirmed: the same upload
        assert len({plan.s3_upload_id for plan in first}) == 1
        results = [await agent.write(plan, p.body) for plan, p in zip(first, scene.parts(), strict=True)]
        assert await agent.confirm(lease, results) == []
        assert await agent.confirm(lease, results) == []
        held = await agent.plan(lease, [p.intent for p in scene.parts()])
        assert verdicts(held) == [pb.WRITE_VERDICT_HELD] * 3
        assert verdicts(await agent.complete(lease, 0)) == [pb.COMPLETE_VERDICT_STORED]
        assert verdicts(await agent.complete(lease, 0)) == [pb.COMPLETE_VERDICT_STORED]
        assert verdicts(await agent.plan(lease, [scene.parts(1)[0].intent])) == [pb.WRITE_VERDICT_STORED]
        assert await agent.confirm(lease, results) == []

        await agent.send(lease, [scene.small()])
        assert verdicts(await agent.plan(lease, [scene.small().intent])) == [pb.WRITE_VERDICT_HELD]
        done = await agent.complete(lease, 1, 0, 1)
        assert [(file.file_index, file.verdict) for file in done] == [
            (i, pb.COMPLETE_VERDICT_STORED) for i in (1, 0, 1)
        ]
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_a_missing_part_is_named(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        assert verdicts(await agent.complete(lease, 0, 1)) == [pb.COMPLETE_VERDICT_RESET] * 2
        await agent.send(lease, scene.parts(1, 3))
        done = await agent.complete(lease, 0)
        assert (done[0].verdict, list(done[0].missing_parts)) == (pb.COMPLETE_VERDICT_MISSING, [2])
        assert not await agent.finish(lease, scene.described.header.wanted_version)
        await agent.send(lease, [*scene.parts(2), scene.small()])
        assert verdicts(await agent.complete(lease, 0, 1)) == [pb.COMPLETE_VERDICT_STORED] * 2
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_parts_that_cannot_be(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        whole = content_of(scene.torrent, scene.described.entries[0])
        for wrong, code in (
            (intent(0, 1, whole[: 5 * MIB - 1]), "bad_part_size"),
            (intent(0, 3, whole[: 5 * MIB]), "bad_part_size"),
            (intent(0, 4, b"x"), "bad_part_size"),
            (intent(0, 0, whole), "bad_part_size"),
            (intent(1, 1, b"x" * SMALL), "bad_part_number"),
            (intent(1, 0, b"x"), "bad_part_size"),
            (intent(2, 0, b"x"), "unknown_file_index"),
            (intent(-1, 0, b"x"), "unknown_file_index"),
            (intent(0, -1, whole[: 5 * MIB]), "bad_part_size"),
        ):
            await refused(code, agent.plan(lease, [wrong]))
        await refused("unknown_file_index", agent.complete(lease, 7))
        await refused("batch_too_large", agent.plan(lease, [scene.small().intent] * 1001))

    async def test_a_wrong_etag_is_found_and_the_parts_go_up_again(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        plans = await agent.plan(lease, [p.intent for p in scene.parts()])
        results = [await agent.write(plan, p.body) for plan, p in zip(plans, scene.parts(), strict=True)]
        results[1].etag = '"0123456789abcdef0123456789abcdef"'
        await agent.confirm(lease, results)
        assert verdicts(await agent.complete(lease, 0)) == [pb.COMPLETE_VERDICT_RESET]
        assert (await scene.user.job(scene.job)).stored_files == 0
        await agent.store(lease, scene.torrent)
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_a_confirmed_put_that_is_not_there_is_missing(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        plan = (await agent.plan(lease, [scene.small().intent]))[0]
        lie = pb.WriteResult(file_index=1, object_key=plan.object_key, etag='"x"', size_bytes=SMALL)
        await agent.confirm(lease, [lie])
        done = await agent.complete(lease, 1)
        assert (done[0].verdict, list(done[0].missing_parts)) == (pb.COMPLETE_VERDICT_MISSING, [0])
        short = pb.WritePlan(file_index=1, verdict=pb.WRITE_VERDICT_GO)
        plan = (await agent.plan(lease, [scene.small().intent]))[0]
        short.MergeFrom(plan)
        if plan.presigned_url:  # the size is signed: S3 itself refuses another one
            assert (await put_by(plan.presigned_url, b"too short"))[0] == 403
        else:
            await agent.write(short, b"too short")
        lie.object_key = plan.object_key
        await agent.confirm(lease, [lie])
        assert verdicts(await agent.complete(lease, 1)) == [pb.COMPLETE_VERDICT_MISSING]
        await agent.run(lease, scene.torrent)
        await stored_right(scene)

    async def test_an_upload_that_s3_forgot_begins_anew(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        sent = await agent.send(lease, scene.parts(1, 2))
        bucket = scene.service.world.s3.bucket
        jobs_side = scene.service.world.s3
        async with agents_s3(replace(jobs_side, agent=jobs_side.jobs)) as full:
            await full.abort_multipart_upload(Bucket=bucket, Key=sent[0].object_key, UploadId=sent[0].s3_upload_id)
        plan = (await agent.plan(lease, [scene.parts(3)[0].intent]))[0]
        with pytest.raises(Exception, match=r"NoSuch|answered 404"):
            await agent.write(plan, scene.parts(3)[0].body)
        gone = pb.UploadGone(file_index=0, s3_upload_id=plan.s3_upload_id)
        assert await agent.confirm(lease, [], [gone]) == [0]
        assert await agent.confirm(lease, [], [gone]) == []
        fresh = await agent.send(lease, [*scene.parts(), scene.small()])
        assert verdicts(fresh) == [pb.WRITE_VERDICT_GO] * 4
        assert fresh[0].s3_upload_id != plan.s3_upload_id
        assert fresh[0].object_key != plan.object_key
        assert verdicts(await agent.complete(lease, 0, 1)) == [pb.COMPLETE_VERDICT_STORED] * 2
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_a_successor_reconciles_with_what_s3_holds(self, scene: Scene) -> None:
        """The first agent dies after it wrote and before it could confirm."""
        first, lease = scene.agent, scene.lease
        await first.send(lease, scene.parts(1))
        plan = (await first.plan(lease, [scene.parts(2)[0].intent]))[0]
        await first.write(plan, scene.parts(2)[0].body)
        put = (await first.plan(lease, [scene.small().intent]))[0]
        await first.write(put, scene.small().body)

        second = Agent(scene.service, first.s3)
        await second.register()
        await first.next_boot().register()  # takes the lease from the dead boot
        heir = await second.claim_one()
        described = await second.describe(heir)
        assert [(part.number, part.size_bytes) for part in described.entries[0].held] == [(1, 5 * MIB), (2, 5 * MIB)]
        await second.run(heir, scene.torrent)
        assert second.put == [(0, 3), (1, 0)]  # a whole file's key serves one epoch only
        await stored_right(scene)
        crc = await scene.service.value(
            """SELECT crc32 FROM entries JOIN files USING (entry_id) WHERE job_id = $1 AND file_index = 0""",
            uuid.UUID(scene.job.job_id),
        )
        assert crc == zlib.crc32(content_of(scene.torrent, described.entries[0]))

    async def test_a_completion_that_died_is_carried_through_by_the_sweep(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        await agent.send(lease, [*scene.parts(), scene.small()])
        await scene.service.rows(
            """UPDATE uploads SET state = 'completing', completing_since = clock_timestamp() - interval '1 minute'
               WHERE state = 'open'"""
        )  # jobs died right after its intent

        async def carried() -> bool:
            return (await scene.user.job(scene.job)).stored_files == 1

        await eventually(carried)
        assert verdicts(await agent.complete(lease, 0, 1)) == [pb.COMPLETE_VERDICT_STORED] * 2
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_a_completion_whose_answer_was_lost_is_found_done(self, scene: Scene) -> None:
        """S3 completed the upload, and jobs never heard: NoSuchUpload on the repeat, and the object tells."""
        agent, lease = scene.agent, scene.lease
        plans = await agent.plan(lease, [p.intent for p in scene.parts()])
        results = [await agent.write(plan, p.body) for plan, p in zip(plans, scene.parts(), strict=True)]
        await agent.confirm(lease, results)
        jobs_side = scene.service.world.s3
        async with agents_s3(replace(jobs_side, agent=jobs_side.jobs)) as full:
            await full.complete_multipart_upload(
                Bucket=jobs_side.bucket,
                Key=plans[0].object_key,
                UploadId=plans[0].s3_upload_id,
                MultipartUpload={"Parts": [{"PartNumber": r.part_number, "ETag": r.etag} for r in results]},
            )
        assert verdicts(await agent.complete(lease, 0)) == [pb.COMPLETE_VERDICT_STORED]
        await agent.send(lease, [scene.small()])
        await agent.complete(lease, 1)
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_completing_at_once_from_many_sides(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        await agent.send(lease, [*scene.parts(), scene.small()])
        answers = await asyncio.gather(*(agent.complete(lease, 0, 1) for _ in range(5)))
        assert [verdicts(done) for done in answers] == [[pb.COMPLETE_VERDICT_STORED] * 2] * 5, answers
        assert await agent.finish(lease, scene.described.header.wanted_version)
        await stored_right(scene)

    async def test_deleting_while_it_is_written_leaves_nothing_behind(self, scene: Scene) -> None:
        agent, lease = scene.agent, scene.lease
        await agent.send(lease, [*scene.parts(1, 2), scene.small()])
        await scene.user.delete(scene.job)
        await refused("lease_lost", agent.complete(lease, 1))
        usage = await scene.user.usage()
        assert (usage.reserved_bytes, usage.charged_bytes, usage.live_jobs) == (0, 0, 0)
        await settled(scene.service)  # the upload aborted, the object deleted

    @pytest.mark.parametrize("delay", [0.0, 0.005, 0.02, 0.05])
    async def test_deleting_races_completing(self, scene: Scene, delay: float) -> None:
        agent, lease = scene.agent, scene.lease
        await agent.send(lease, [*scene.parts(), scene.small()])

        async def delete() -> None:
            await asyncio.sleep(delay)
            await scene.user.delete(scene.job)

        await asyncio.gather(agent.complete(lease, 0, 1), delete(), return_exceptions=True)
        assert (await scene.user.list_jobs()).jobs == []
        usage = await scene.user.usage()
        assert (usage.reserved_bytes, usage.charged_bytes, usage.live_jobs) == (0, 0, 0)
        await settled(scene.service)

    async def test_nothing_is_left_at_s3_after_all_jobs_are_deleted(self, scene: Scene) -> None:
        await scene.agent.run(scene.lease, scene.torrent)
        await scene.user.delete(scene.job)

        async def empty() -> bool:
            s3 = scene.service.world.s3
            keys = await asyncio.to_thread(object_keys, s3)
            known = {
                row[0] for row in await scene.service.rows("SELECT object_key FROM objects WHERE state = 'stored'")
            }
            return keys <= known and not await asyncio.to_thread(open_uploads, s3)

        async def purged() -> bool:
            transfer_id = uuid.UUID(scene.lease.transfer_id)
            return await scene.service.value("SELECT 1 FROM transfers WHERE transfer_id = $1", transfer_id) is None

        await eventually(empty)
        await eventually(purged)  # the torrent's rows, too


@pytest.mark.faults
class TestOnRclone(WriteTests):
    """Which takes what AWS would not."""

    @pytest.fixture
    def on_s3(self, session_service: Service, s3_client: Any) -> tuple[Service, Any]:
        return session_service, s3_client


@pytest.mark.radosgw
class TestOnRadosgw(WriteTests):
    """Which is strict, and whose agents may put parts and nothing else."""

    @pytest.fixture
    def on_s3(self, on_radosgw: tuple[Service, Any]) -> tuple[Service, Any]:
        return on_radosgw


@pytest.mark.radosgw
@pytest.mark.faults
class TestOnRadosgwPresigned(WriteTests):
    """Whose agents have no key."""

    @pytest.fixture
    def on_s3(self, on_radosgw_presigned: tuple[Service, Any]) -> tuple[Service, Any]:
        return on_radosgw_presigned


async def test_all_that_waits_is_deleted_in_one_round(
    postgres: Any, migrated_template: str, nats_url: str, rclone_server: S3Server, tmp_path: Path
) -> None:
    async with own_world(postgres, migrated_template, nats_url, rclone_server, tmp_path, "jobs_deleting") as world:
        async with open_pool(world.database.urls["jobs"], application_name="test") as pool, transaction(pool) as tx:
            await tx.execute(
                """INSERT INTO objects (object_id, object_key, size_bytes, state, epoch, transfer_id, deleted_at,
                                        delete_after, keep_until)
                   SELECT gen_random_uuid(), 'gone/' || i, 1, 'deleting', 1, gen_random_uuid(), clock_timestamp(),
                          clock_timestamp(), clock_timestamp() + interval '15 minutes'
                   FROM generate_series(1, 3 * $1::integer) AS i""",
                sweep_objects.BATCH,
            )
        async with running(world, sweep_seconds=300) as service:

            async def none_waits() -> bool:
                return not await service.value("SELECT count(*) FROM objects WHERE state = 'deleting'")

            await eventually(none_waits)
