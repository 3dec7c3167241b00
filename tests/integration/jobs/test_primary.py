"""A job's main media file: the largest, unless its user chose; told wherever its job and its files are shown."""

from __future__ import annotations

import uuid

import pytest

from tests.integration.jobs.listing import list_files, torrent_of
from tests.integration.jobs.running import Service, User, eventually, refused
from tests.integration.jobs.test_renaming import told
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import Kind

FILES = {"sample.mkv": 5, "film.mkv": 50, "extra.mp4": 50, "song.flac": 900, "disc.iso": 9000}


async def choose(user: User, job: model.Job, file_id: str) -> model.Job:
    """Make a file the main one; "": the largest."""
    request = pb.UpdateJobRequest(job_id=job.job_id, primary_file_id=file_id)
    return await user.call(user.service.jobs.UpdateJob, request)


async def main_one(user: User, job: model.Job) -> str:
    """What the job, its lists and the file itself agree on; "": none."""
    now = await user.job(job)
    assert [each for each in (await user.list_jobs()).jobs if each.job_id == job.job_id] == [now]
    marked = [file for file in await list_files(user, job) if file.primary]
    assert [file.file_id for file in marked] == ([now.primary_file_id] if now.primary_file_id else [])
    assert [file for file in await list_files(user) if file.primary and file.job_id == job.job_id] == marked
    for file in marked:
        assert await user.call(user.service.jobs.GetFile, pb.GetFileRequest(file_id=file.file_id)) == file
    return marked[0].path[0] if marked else ""


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (None, "film.mkv"),
        ([0, 3, 4], "sample.mkv"),
        ([2, 1], "film.mkv"),
        ([3, 4], "song.flac"),
        ([4], ""),
    ],
    ids=str,
)
async def test_the_largest_video_of_what_is_selected_else_audio(
    jobs: Service, selection: list[int] | None, expected: str
) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(FILES), selection=selection)
    assert await main_one(user, job) == expected


async def test_it_follows_the_selection_and_what_is_deleted(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(FILES), selection=[4])
    await user.select(job, [0, 3])
    assert await main_one(user, job) == "sample.mkv"
    await user.select(job, None)
    assert await main_one(user, job) == "film.mkv"
    for gone, then in (("film.mkv", "extra.mp4"), ("sample.mkv", "extra.mp4"), ("extra.mp4", "song.flac")):
        await user.delete_file(next(file for file in await list_files(user, job) if file.path[0] == gone))
        assert await main_one(user, job) == then
    await user.cancel(job)
    assert await main_one(user, job) == "song.flac"
    await user.retry(job)
    assert await main_one(user, job) == "song.flac"


async def test_the_users_choice_holds_while_it_is_wanted(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(FILES))
    ids = {file.path[0]: file.file_id for file in await list_files(user, job)}
    chosen = await choose(user, job, ids["disc.iso"])
    assert chosen.version == job.version + 1
    assert (await told(jobs, job))[-1] == chosen.version
    assert await main_one(user, job) == "disc.iso"
    assert await choose(user, job, ids["disc.iso"]) == chosen
    await user.select(job, [0, 1])
    assert await main_one(user, job) == "film.mkv"
    await user.select(job, None)
    assert await main_one(user, job) == "disc.iso"
    assert (await choose(user, job, "")).primary_file_id == ids["film.mkv"]
    await choose(user, job, ids["sample.mkv"])
    await user.delete_file(ids["sample.mkv"])
    assert await main_one(user, job) == "film.mkv"


async def test_who_may_not_choose_what(jobs: Service) -> None:
    user, other = jobs.user(), jobs.user()
    torrent = torrent_of(FILES)
    job = await user.submit(torrent=torrent, selection=[0, 1, 2])
    second, others = await user.submit(torrent=torrent), await other.submit(torrent=torrent)
    before = await user.job(job)
    own = {file.path[0]: file.file_id for file in await list_files(user, job)}
    await user.delete_file(own["sample.mkv"])
    before = await user.job(job)
    foreign = [(await list_files(who, of))[0].file_id for who, of in ((user, second), (other, others))]
    for file_id in (*foreign, own["sample.mkv"], str(uuid.uuid4()), "x", "1" * 36):
        assert (await refused("file_not_found", choose(user, job, file_id))).kind is Kind.NOT_FOUND
    assert (await refused("file_not_wanted", choose(user, job, own["song.flac"]))).kind is Kind.CONFLICT
    for file_id in (own["film.mkv"], ""):
        await refused("job_not_found", choose(other, job, file_id))
    request = pb.UpdateJobRequest(job_id=job.job_id, name="not called so", primary_file_id=foreign[0])
    await refused("file_not_found", user.call(jobs.jobs.UpdateJob, request))
    both = pb.UpdateJobRequest(
        job_id=job.job_id, priority=model.JOB_PRIORITY_HIGH, primary_file_id=own["song.flac"], name="nor so"
    )
    await refused("file_not_wanted", user.call(jobs.jobs.UpdateJob, both))
    assert await user.job(job) == before


async def test_a_job_older_than_primary_files_gets_its_own(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(FILES))
    without = await user.submit(torrent=torrent_of({"a.txt": 1}))
    forget = "UPDATE jobs SET primary_file_id = NULL, primary_known = false WHERE job_id = ANY($1::uuid[])"
    await jobs.rows(forget, [uuid.UUID(each.job_id) for each in (job, without)])

    async def known() -> bool:
        return not await jobs.value("SELECT count(*) FROM jobs WHERE NOT primary_known AND file_count > 0")

    await eventually(known)
    assert (await main_one(user, job), await main_one(user, without)) == ("film.mkv", "")
    assert (await user.job(without)).version == without.version
