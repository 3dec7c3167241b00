"""What is left behind in S3, and what is missing there: found, reported, and dealt with; what is being written at the
same moment is never touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import pytest

from tests.faults.invariants import object_keys, open_uploads
from tests.integration.jobs.barriers import barrier, meet
from tests.integration.jobs.conftest import MakeSample, NewWorld, clear
from tests.integration.jobs.playing import Agent, pieces
from tests.integration.jobs.running import User, eventually, refused, running
from tests.integration.jobs.still import Still, still
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_jobs.usecases.give_up_lost import tell_owners
from tseeder_jobs.usecases.read_storage import measure_storage
from tseeder_jobs.usecases.sweep_bucket import sweep_bucket
from tseeder_jobs.usecases.sweep_strays import sweep_strays
from tseeder_kit.ids import object_key
from tseeder_stack.s3 import signed
from tseeder_testkit.torrents import Sample

COMPLETED, FAILED, QUEUED = model.JOB_STATE_COMPLETED, model.JOB_STATE_FAILED, model.JOB_STATE_QUEUED
MIB: Final = 1 << 20
KEY_OF: Final = """
SELECT o.object_key FROM objects o JOIN entries e USING (entry_id) JOIN jobs j USING (torrent_id)
WHERE j.job_id = $1::text::uuid AND e.file_index = $2 AND o.state IN ('writing', 'stored')
"""


@pytest.fixture(scope="module")
async def module_ground(new_world: NewWorld, s3_client: Any) -> AsyncIterator[Still]:
    """Nothing is too young for its sweeps."""
    quick: dict[str, Any] = {"orphan_seconds": 0.001, "lost_objects_limit": 2, "upload_grace_seconds": 600}
    async with new_world("jobs_leftovers") as world, still(world, s3_client, **quick) as made:
        yield made


@pytest.fixture
async def ground(module_ground: Still) -> AsyncIterator[Still]:
    """The invariants hold after each test, and nothing of it is left in the queue."""
    module_ground.jobs.users.clear()
    module_ground.ctx.walk[0] = None
    yield module_ground
    await module_ground.sound()
    await clear(module_ground.jobs)
    await module_ground.sweep()


async def ask(ground: Still, method: str, **fields: Any) -> Any:
    """An operator's call to the end of its pages; without `apply` of one who only looks around."""
    operator = ground.jobs.operator()
    found: dict[str, operators.LeftoverReport] = {}
    cursor = ""
    while True:
        request = operators.CleanStorageRequest(cursor=cursor, **fields)
        answer = await operator.call(getattr(ground.jobs.operators, method), request)
        found.update({each.kind: each for each in answer.reports})
        cursor = answer.next_cursor
        if not cursor:
            return found


async def reported(ground: Still) -> dict[str, operators.LeftoverReport]:
    """The last report of each kind."""
    call = ground.jobs.operators.GetStorage
    answer = await ground.jobs.operator("support").call(call, operators.GetStorageRequest())
    return {each.kind: each for each in answer.reports}


def summed(report: operators.LeftoverReport) -> tuple[int, int, int]:
    """Found, their bytes, and how many were dealt with."""
    return report.found, report.found_bytes, report.mended


async def put(ground: Still, key: str, body: bytes) -> None:
    server = ground.jobs.world.s3
    await asyncio.to_thread(signed, server, "PUT", f"/{server.bucket}/{key}", body=body)


async def remove(ground: Still, job: model.Job, file_index: int) -> str:
    """The object of a job's file is gone from S3, and no row knows why; gives its key."""
    key = str(await ground.jobs.value(KEY_OF, job.job_id, file_index))
    server = ground.jobs.world.s3
    await asyncio.to_thread(signed, server, "DELETE", f"/{server.bucket}/{key}")
    return key


async def keys(ground: Still) -> set[str]:
    return await asyncio.to_thread(object_keys, ground.jobs.world.s3)


async def uploads(ground: Still) -> set[str]:
    return {upload for _, upload in await asyncio.to_thread(open_uploads, ground.jobs.world.s3)}


async def test_objects_without_rows(ground: Still) -> None:
    """Given up: deleted. Never heard of: only where it is said, by an operator who has seen it."""
    late, unknown, foreign = object_key(), object_key(), "backups/2026.tar"
    await ground.jobs.rows(
        """INSERT INTO objects (object_id, object_key, size_bytes, state, epoch, transfer_id, deleted_at, keep_until)
           VALUES (gen_random_uuid(), $1, 3, 'gone', 1, gen_random_uuid(), clock_timestamp(), clock_timestamp())""",
        late,
    )
    for key in (late, unknown, foreign):
        await put(ground, key, b"abc")
    try:
        told = (await ask(ground, "CleanStorage"))["orphan_objects"]
        assert (summed(told), set(told.examples)) == ((2, 6, 0), {late, unknown})
        assert await keys(ground) >= {late, unknown, foreign}, "nothing is done unasked"
        assert await sweep_bucket(ground.ctx) == 1
        report = (await reported(ground))["orphan_objects"]
        assert (summed(report), report.HasField("ended_at")) == ((2, 6, 1), True)
        assert await keys(ground) >= {unknown, foreign}
        assert summed((await ask(ground, "CleanStorage", apply=True))["orphan_objects"]) == (1, 3, 0)
        assert summed((await ask(ground, "CleanStorage", unknown_objects=True))["orphan_objects"]) == (1, 3, 0)
        applied = (await ask(ground, "CleanStorage", apply=True, unknown_objects=True))["orphan_objects"]
        assert summed(applied) == (1, 3, 1)
        assert not await keys(ground) & {late, unknown}
        assert foreign in await keys(ground)
    finally:
        server = ground.jobs.world.s3
        await asyncio.to_thread(signed, server, "DELETE", f"/{server.bucket}/{foreign}")


async def test_a_row_without_its_object(ground: Still, sample: MakeSample) -> None:
    """Its owners are told, and pay for it no longer; what there is stays theirs, and a retry fetches the rest."""
    torrent = await sample(1000, 2000)
    one, two = ground.jobs.user(), ground.jobs.user()
    mine, theirs = await ground.stored(one, torrent), await ground.stored(two, torrent, selection=[1])
    lost = (await one.files(mine))[1]
    key = await remove(ground, mine, 1)
    told = (await ask(ground, "CleanStorage"))["lost_objects"]
    assert (summed(told), list(told.examples)) == ((1, 2000, 0), [key])
    assert (await one.job(mine)).state == COMPLETED
    assert await sweep_bucket(ground.ctx) == 1
    assert summed((await reported(ground))["lost_objects"]) == (1, 2000, 1)
    for user, job, held in ((one, mine, 1000), (two, theirs, 0)):
        now = await user.job(job)
        assert (now.state, now.reason.code) == (FAILED, "object_lost")
        assert ((await user.usage()).charged_bytes, (await user.usage()).reserved_bytes) == (held, 0)
    await refused("file_not_wanted", one.open_read(lost))
    assert await sweep_bucket(ground.ctx) == 0
    assert (await one.retry(mine)).state == QUEUED
    await ground.played.run(await ground.played.claim_one(), torrent)
    assert (await one.job(mine)).state == COMPLETED
    assert (await one.open_read(lost)).WhichOneof("source") == "object"
    assert (await two.retry(theirs)).state == COMPLETED


async def test_a_job_that_moves_fetches_what_was_lost_again(ground: Still, sample: MakeSample) -> None:
    torrent = await sample(1000, 2000)
    user = ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await ground.played.claim_one()
    await ground.played.store(lease, torrent, 0)
    before = (await ground.played.describe(lease)).header.wanted_version
    await remove(ground, job, 0)
    assert await sweep_bucket(ground.ctx) == 1
    now = await user.job(job)
    assert (now.state, now.stored_files) == (model.JOB_STATE_DOWNLOADING, 0)
    described = await ground.played.describe(lease)
    assert (described.wanted, described.header.wanted_version > before) == ([0, 1], True)
    await ground.played.run(lease, torrent)
    assert (await user.job(job)).state == COMPLETED


async def test_what_a_crash_left_untold_is_told(ground: Still, sample: MakeSample) -> None:
    """And not what has an object again by then: its bytes are the same."""
    torrent, fetched = await sample(1000), await sample(2000)
    user, other = ground.jobs.user(), ground.jobs.user()
    job, again = await ground.stored(user, torrent), await ground.stored(user, fetched)
    for each in (job, again):
        await remove(ground, each, 0)
        await ground.jobs.rows(
            """UPDATE objects o SET state = 'deleting', lost = true, deleted_at = clock_timestamp(),
                   delete_after = clock_timestamp(), keep_until = clock_timestamp()
               FROM entries e JOIN jobs j USING (torrent_id)
               WHERE e.entry_id = o.entry_id AND j.job_id = $1::text::uuid""",
            each.job_id,
        )
    await ground.stored(other, fetched)
    assert await tell_owners(ground.ctx) == 1
    assert (await user.job(job)).reason.code == "object_lost"
    assert (await user.job(again)).state == COMPLETED
    assert await tell_owners(ground.ctx) == 0


async def test_too_much_that_is_lost_is_only_told(ground: Still, sample: MakeSample) -> None:
    """As with settings that name another bucket: an operator who has looked may say that it is so."""
    user = ground.jobs.user()
    job = await ground.stored(user, await sample(10, 20, 30))
    for index in range(3):
        await remove(ground, job, index)
    assert await sweep_bucket(ground.ctx) == 0
    assert summed((await reported(ground))["lost_objects"]) == (3, 60, 0)
    assert (await user.job(job)).state == COMPLETED
    assert summed((await ask(ground, "CleanStorage", apply=True))["lost_objects"]) == (3, 60, 3)
    assert (await user.job(job)).reason.code == "object_lost"
    assert (await user.usage()).charged_bytes == 0


async def parted(ground: Still, torrent: Sample) -> tuple[User, model.Job, Any]:
    """A file in parts, of which the first is in S3."""
    user = ground.jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    lease = await ground.played.claim_one()
    entry = (await ground.played.describe(lease)).entries[0]
    await ground.played.send(lease, pieces(torrent, entry)[:1])
    return user, job, lease


async def test_uploads_without_owners(ground: Still, sample: MakeSample) -> None:
    """Of two that were opened for one object the one that lost; and one that the database never heard of, where it is
    said. The one that is running is left alone."""
    user, job, lease = await parted(ground, torrent := await sample(6 * MIB))
    server, s3 = ground.jobs.world.s3, ground.played.s3
    key = str(await ground.jobs.value(KEY_OF, job.job_id, 0))
    mine = await uploads(ground)
    stray = (await s3.create_multipart_upload(Bucket=server.bucket, Key=key))["UploadId"]
    other = object_key()
    unknown = (await s3.create_multipart_upload(Bucket=server.bucket, Key=other))["UploadId"]
    await s3.upload_part(Bucket=server.bucket, Key=other, UploadId=unknown, PartNumber=1, Body=b"12345")
    told = (await ask(ground, "CleanStorage"))["stray_uploads"]
    assert (told.looked_at, summed(told), set(told.examples)) == (3, (2, 5, 0), {key, other})
    assert await uploads(ground) == {*mine, stray, unknown}
    assert await sweep_strays(ground.ctx) == 1
    assert summed((await reported(ground))["stray_uploads"]) == (2, 5, 1)
    assert await uploads(ground) == {*mine, unknown}
    applied = (await ask(ground, "CleanStorage", apply=True, unknown_objects=True))["stray_uploads"]
    assert summed(applied) == (1, 5, 1)
    assert await uploads(ground) == mine
    await ground.played.run(lease, torrent)
    assert (await user.job(job)).state == COMPLETED


async def test_what_is_being_written_is_left_alone(ground: Still, sample: MakeSample) -> None:
    """At each step of an object's way: while its upload is opened, while its parts go up, when it landed and was not
    confirmed, when S3 has completed it and no row says so yet."""
    user, job, lease = await parted(ground, torrent := await sample(6 * MIB, 1000))
    key = await ground.jobs.value(KEY_OF, job.job_id, 0)
    (mine,) = await uploads(ground)

    async def untouched() -> None:
        assert await sweep_strays(ground.ctx) == await sweep_bucket(ground.ctx) == 0
        found = await ask(ground, "CleanStorage", apply=True, unknown_objects=True)
        assert [summed(each) for each in found.values()] == [(0, 0, 0)] * 3

    of_key = "FROM objects o WHERE o.object_id = u.object_id AND o.object_key = $1"
    await ground.jobs.rows(f"UPDATE uploads u SET state = 'opening', s3_upload_id = NULL {of_key}", key)  # noqa: S608
    await untouched()
    await ground.jobs.rows(f"UPDATE uploads u SET state = 'open', s3_upload_id = $2 {of_key}", key, mine)  # noqa: S608
    await untouched()
    described = await ground.played.describe(lease)
    await ground.played.send(lease, pieces(torrent, described.entries[0]))
    (small,) = pieces(torrent, described.entries[1])
    (plan,) = await ground.played.plan(lease, [small.intent])
    result = await ground.played.write(plan, small.body)
    await untouched()  # a PUT that landed and was not confirmed
    await ground.played.confirm(lease, [result])
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", UUID(job.job_id))

    async def completed_at_s3() -> bool:
        return key in await keys(ground)

    async def complete() -> None:
        await ground.played.complete(lease, 0, 1)

    # S3 has it, and the outcome waits for the torrent's row.
    async with barrier(ground.jobs, torrent_id):
        task = asyncio.create_task(complete())
        await eventually(completed_at_s3, seconds=4)
        await untouched()
    await task
    await untouched()
    assert (await user.reaches(job, COMPLETED)).stored_files == 2


@pytest.mark.parametrize("swapped", [False, True], ids=["it-first", "it-last"])
@pytest.mark.parametrize("verb", ["delete", "delete_file", "submit", "retry"])
async def test_a_loss_meets_what_its_owner_does(ground: Still, sample: MakeSample, verb: str, swapped: bool) -> None:
    torrent = await sample(1000, 2000)
    user = ground.jobs.user()
    job = await ground.stored(user, torrent)
    if verb == "retry":
        job = await user.submit(torrent=torrent.torrent.read_bytes())
        await ground.jobs.rows(
            """UPDATE jobs SET state = 'failed', reason_code = 'x', finished_at = clock_timestamp()
               WHERE job_id = $1::text::uuid""",
            job.job_id,
        )
    await remove(ground, job, 0)
    files = await user.files(job)
    acts: dict[str, Any] = {
        "delete": lambda: user.delete(job),
        "delete_file": lambda: user.delete_file(files[0]),
        "submit": lambda: user.submit(torrent=torrent.torrent.read_bytes()),
        "retry": lambda: user.retry(job),
    }
    calls = [acts[verb], lambda: sweep_bucket(ground.ctx)]
    torrent_id = await ground.jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", UUID(job.job_id))
    done = await meet(ground.jobs, torrent_id, *(reversed(calls) if swapped else calls))
    assert [each for each in done if isinstance(each, Exception)] == []
    await ground.sound()
    usage = await user.usage()
    wanted = {"delete": (0, 0), "delete_file": (2000, 0), "submit": (2000, 1000 if swapped else 0), "retry": (2000, 0)}
    assert (usage.charged_bytes, usage.reserved_bytes) == wanted[verb]
    if verb == "retry":
        assert (await user.job(job)).reason.code == "object_lost"


async def test_totals_and_who_may_look(ground: Still, sample: MakeSample) -> None:
    user = ground.jobs.user()
    await measure_storage(ground.ctx)
    call, request = ground.jobs.operators.GetStorage, operators.GetStorageRequest()
    before = (await ground.jobs.operator().call(call, request)).totals
    await ground.stored(user, await sample(1000, 2000))
    await measure_storage(ground.ctx)
    after = (await ground.jobs.operator().call(call, request)).totals
    assert after.stored_objects - before.stored_objects == 2
    assert after.stored_bytes - before.stored_bytes == after.charged_bytes - before.charged_bytes == 3000
    clean = ground.jobs.operators.CleanStorage
    await refused("scope_missing", user.call(call, request))
    await refused("scope_missing", ground.jobs.operator("support").call(clean, operators.CleanStorageRequest()))
    await refused("bad_cursor", ground.jobs.operator().call(clean, operators.CleanStorageRequest(cursor="x")))


async def test_it_is_done_by_itself(new_world: NewWorld, s3_client: Any, sample: MakeSample) -> None:
    quick: dict[str, Any] = {"orphan_seconds": 0.001, "sweep_seconds": 0.05, "lost_objects_limit": 2}
    async with new_world("jobs_leftovers_swept") as world, running(world, **quick) as jobs:
        user, played = jobs.user(), Agent(jobs, s3_client)
        await played.register()
        torrent = await sample(1000)
        job = await user.submit(torrent=torrent.torrent.read_bytes())
        await played.run(await played.claim_one(), torrent)
        key = str(await jobs.value(KEY_OF, job.job_id, 0))
        await asyncio.to_thread(signed, world.s3, "DELETE", f"/{world.s3.bucket}/{key}")
        assert (await user.reaches(job, FAILED)).reason.code == "object_lost"
        answer = await user.call(jobs.jobs.CheckCache, pb.CheckCacheRequest(info_hashes=[torrent.info_hash_v1 or ""]))
        assert answer.torrents[0].state == pb.CACHE_STATE_ABSENT
