"""Archives: what one is made of, for whom, and where its bytes are."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.integration.jobs.conftest import SERIAL, MakeAgent, MakeSample
from tests.integration.jobs.running import MIB, Service, User, refused
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import Kind
from tseeder_testkit.torrents import FileSpec, TorrentSpec, write_torrent


def ranges(*pairs: tuple[int, int]) -> list[pb.FileRange]:
    return [pb.FileRange(first=first, last=last) for first, last in pairs]


async def indexes(user: User, job: model.Job, *pairs: tuple[int, int], folder: Sequence[str] = ()) -> list[int]:
    """Of the files that an archive of these would have."""
    header, entries = await user.archive(job, ranges=ranges(*pairs), folder=folder)
    assert header.file_count == len(entries)
    return [entry.file_index for entry in entries]


async def test_every_stored_file_has_the_crc32_of_its_bytes(
    jobs: Service, agent: MakeAgent, sample: MakeSample
) -> None:
    """Sent in parts, or whole; empty; and of somebody who got all of them from another one's job."""
    torrent = await sample(5 * MIB + 1, 40_000, 0)
    user, other = jobs.user(), jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes(), name="mine")
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    attached = await other.submit(torrent=torrent.torrent.read_bytes())
    for whose, archived in ((user, job), (other, attached)):
        header, entries = await whose.archive(archived)
        assert header.job_name == (await whose.job(archived)).name
        assert header.created_at == (await whose.job(archived)).created_at
        contents = [torrent.path_of(file).read_bytes() for file in torrent.files]
        assert [(e.size_bytes, e.crc32) for e in entries] == [(len(each), zlib.crc32(each)) for each in contents]
        assert [list(entry.path) for entry in entries] == [file.path.split("/") for file in torrent.files]
        async with aiohttp.ClientSession() as http:
            for url, content in zip(await whose.open_archive(archived, 1, 0), (contents[1], contents[0]), strict=True):
                async with http.get(url) as got:
                    assert await got.read() == content
    assert [e.entry_id for e in (await user.archive(job))[1]] == [
        e.entry_id for e in (await other.archive(attached))[1]
    ]


async def test_which_files(jobs: Service, agent: MakeAgent, tmp_path: Path) -> None:
    user = jobs.user()
    sizes = {"a/1": 10, "a/b/2": 20, "ab/3": 30, "4": 0, "a/5": 50}
    files = tuple(FileSpec(path, size) for path, size in sizes.items())
    torrent = write_torrent(tmp_path, TorrentSpec(files, name="archived", seed=next(SERIAL)))
    job = await user.submit(torrent=torrent.torrent.read_bytes(), selection=[0, 1, 2, 3])
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    assert await indexes(user, job) == [0, 1, 2, 3]
    assert await indexes(user, job, (3, 3), (0, 1), (1, 2)) == [0, 1, 2, 3]
    assert await indexes(user, job, (2, 2)) == [2]
    assert await indexes(user, job, (3, 3), (0, 0)) == [0, 3]
    assert await indexes(user, job, folder=["a"]) == [0, 1]
    assert await indexes(user, job, folder=["a", "b"]) == [1]
    assert await indexes(user, job, (1, 3), folder=["a"]) == [1]
    for folder in (["a", "1"], ["4"], ["A"], [""], ["a", ""], ["*"]):
        await refused("archive_empty", user.archive(job, folder=folder))
    error = await refused("file_not_wanted", user.archive(job, ranges=ranges((0, 4))))
    assert (error.kind, error.details) == (Kind.CONFLICT, {"unwanted_files": "1", "files": "5"})
    assert (await refused("selection_out_of_range", user.archive(job, ranges=ranges((0, 1), (5, 9))))).details == {
        "file_index": "5"
    }
    for pairs in ([(1, 0)], [(-1, 0)], [(0, 2**31 - 1)], [(0, 0)] * 257):
        await refused("bad_file_ranges", user.archive(job, ranges=ranges(*pairs)))
    (file,) = [each for each in await user.files(job) if each.file_index == 1]
    await user.delete_file(file)
    assert await indexes(user, job, (0, 2)) == [0, 2]
    await refused("selection_out_of_range", user.archive(job, ranges=ranges((1, 1))))


async def test_all_files_must_be_stored(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    user = jobs.user()
    torrent = await sample(1000, 2000, 0)
    magnet = await user.submit(magnet=(await sample(10)).magnet())
    await refused("archive_empty", user.archive(magnet))
    await user.cancel(magnet)
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    lease = await played.claim_one()
    await played.store(lease, torrent, 1)
    error = await refused("not_stored_yet", user.archive(job))
    assert error.details == {"missing_files": "1", "files": "3", "retry_after_seconds": "5"}
    assert await indexes(user, job, (1, 2)) == [1, 2]
    await refused("archive_changed", user.open_archive(job, 0))
    await refused("archive_changed", user.open_archive(job, 1, 7))
    await user.cancel(job)
    assert (await refused("file_not_wanted", user.archive(job))).details == {"unwanted_files": "1", "files": "3"}
    assert await indexes(user, job, (1, 2)) == [1, 2]
    await user.delete_file((await user.files(job))[1])
    await refused("archive_changed", user.open_archive(job, 1))


async def test_nobody_elses(jobs: Service, agent: MakeAgent, sample: MakeSample) -> None:
    owner, other = jobs.user(), jobs.user()
    torrent = await sample(1000)
    job = await owner.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    await other.submit(torrent=torrent.torrent.read_bytes())  # though he has the same files
    for job_id in (job.job_id, str(uuid.uuid4()), "", "1"):
        for call in (other.archive(job_id), other.open_archive(job_id), other.open_archive(job_id, 0)):
            assert (await refused("job_not_found", call)).kind is Kind.NOT_FOUND
    await refused("scope_missing", owner.with_scopes("jobs:read").archive(job))
    assert await owner.open_archive(job) == []
    await refused("bad_limit", owner.open_archive(job, *range(101)))
    await owner.delete(job)
    await refused("job_not_found", owner.open_archive(job))


@pytest.mark.parametrize("count", [2500, pytest.param(20_000, marks=pytest.mark.faults)])
async def test_thousands_of_files(jobs: Service, agent: MakeAgent, sample: MakeSample, count: int) -> None:
    """No message grows with the torrent, and none of its entries is twice in it, or missing. (Empty files are stored
    at once; one is not.)"""
    torrent = await sample(*[0] * (count - 1), 1000)
    user = jobs.user()
    job = await user.submit(torrent=torrent.torrent.read_bytes())
    played = await agent()
    await played.run(await played.claim_one(), torrent)
    assert await indexes(user, job) == list(range(count))
    assert await indexes(user, job, folder=["folder"]) == list(range(count))
    some = [(at, at) for at in range(0, count, count // 250)]
    assert await indexes(user, job, *some) == [first for first, _ in some]
