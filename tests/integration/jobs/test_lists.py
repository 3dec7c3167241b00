"""Lists, their cursors, and what another user is told about one's ids."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.integration.jobs.conftest import MakeAgent, MakeSample
from tests.integration.jobs.running import Service, User, refused
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import Kind


async def ids(user: User, **fields: object) -> list[str]:
    """All pages of a list of jobs."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await user.list_jobs(**{**fields, "cursor": cursor})
        found += [job.job_id for job in page.jobs]
        cursor = page.next_cursor
        if not cursor:
            return found


async def test_pages_of_jobs_newest_first(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    data = (await sample(10)).torrent.read_bytes()
    made = [(await user.submit(torrent=data, name=f"Job {number}")).job_id for number in range(7)]
    await user.cancel(made[3])
    assert await ids(user, limit=3) == made[::-1]
    assert await ids(user, limit=7) == made[::-1]
    assert await ids(user, states=[model.JOB_STATE_CANCELLED]) == [made[3]]
    assert await ids(user, states=[model.JOB_STATE_QUEUED], limit=2) == [made[i] for i in (6, 5, 4, 2, 1, 0)]
    assert await ids(user, text="job 5") == [made[5]]
    assert await ids(user, text="%") == []
    assert await ids(jobs.user()) == []


async def test_cursors_are_of_their_own_list_only(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    data = (await sample(1, 2, 3)).torrent.read_bytes()
    for _ in range(2):
        await user.submit(torrent=data)
    cursor = (await user.list_jobs(limit=1)).next_cursor
    assert cursor
    other = jobs.user()
    forged = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    for page in (
        user.list_jobs(cursor=forged),
        user.list_jobs(cursor="nonsense"),
        user.list_jobs(cursor=cursor, text="x"),
        user.list_jobs(cursor=cursor, states=[model.JOB_STATE_QUEUED]),
        user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(cursor=cursor)),
        other.list_jobs(cursor=cursor),
    ):
        assert (await refused("bad_cursor", page)).kind is Kind.INVALID


@pytest.mark.parametrize("limit", [-1, 201])
async def test_limits_of_lists(jobs: Service, limit: int) -> None:
    await refused("bad_limit", jobs.user().list_jobs(limit=limit))


async def test_texts_and_states_that_cannot_be(jobs: Service) -> None:
    user = jobs.user()
    await refused("bad_text", user.list_jobs(text="nul\0"))
    await refused("bad_text", user.list_jobs(text="x" * 256))
    await refused("bad_state", user.list_jobs(states=[0]))


async def test_files_of_a_job_and_of_all_jobs(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    first = await user.submit(torrent=(await sample(*range(1, 8))).torrent.read_bytes())
    second = await user.submit(torrent=(await sample(100)).torrent.read_bytes())
    listed = await user.files(first)
    assert [(file.file_index, file.size_bytes) for file in listed] == [(n, n + 1) for n in range(7)]
    assert listed[0].media_type == "application/octet-stream"
    assert list(listed[0].path) == ["folder", "file-0000.bin"]

    async def pages(**fields: Any) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = await user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(**{**fields, "cursor": cursor}))
            found += [file.file_id for file in page.files]
            cursor = page.next_cursor
            if not cursor:
                return found

    assert await pages(job_id=first.job_id, limit=2) == [file.file_id for file in listed]
    both = await pages(limit=3)
    assert both == sorted((f.file_id for f in [*listed, *await user.files(second)]), reverse=True)
    assert await pages(text="FILE-0003") == [listed[3].file_id]


async def test_another_users_ids_and_what_is_no_id_are_not_there(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    owner, other = jobs.user(), jobs.user()
    torrent = await sample(1000)
    job = await owner.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    file = (await owner.files(job))[0]
    for job_id in (job.job_id, str(uuid.uuid4()), "", "1", job.job_id.upper() + "0", "{" + job.job_id[1:-1] + "}"):
        calls: list[Awaitable[object]] = [
            other.job(job_id),
            other.cancel(job_id),
            other.delete(job_id),
            other.pause(job_id),
            other.resume(job_id),
            other.retry(job_id),
            other.select(job_id, [0]),
            other.rename(job_id, "mine"),
            other.rename(job_id, None),
        ]
        for call in calls:
            assert (await refused("job_not_found", call)).kind is Kind.NOT_FOUND
    await refused("job_not_found", other.files(job.job_id))
    for file_id in (file.file_id, str(uuid.uuid4()), "", "x" * 36):
        for call in (
            other.call(jobs.jobs.GetFile, pb.GetFileRequest(file_id=file_id)),
            other.open_read(file_id),
            other.delete_file(file_id),
        ):
            assert (await refused("file_not_found", call)).kind is Kind.NOT_FOUND
    assert (await owner.open_read(file)).object.url


async def test_reads_outside_of_a_file(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = await sample(1000, 10)
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[0])
    stored, unwanted = await user.files(job)
    answer = await user.open_read(stored)
    assert answer.WhichOneof("source") == "wait"
    assert answer.wait.reason.code == "file_not_stored"
    await refused("file_not_wanted", user.open_read(unwanted))
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    assert (await user.open_read(stored, 1000)).etag == answer.etag
    for offset in (-1, 1001):
        assert (await refused("offset_out_of_range", user.open_read(stored, offset))).kind is Kind.RANGE


async def test_a_list_does_not_carry_selections(jobs: Service, sample: MakeSample) -> None:
    user = jobs.user()
    wide = range(200_000)
    for _ in range(5):
        magnet = (await sample(1000)).magnet()
        await user.cancel(await user.submit(magnet=magnet, selection=wide))
    await user.list_jobs(limit=200)
    tracemalloc.start()
    try:
        assert len((await user.list_jobs(limit=200)).jobs) == 5
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(wide)  # less than one of them
