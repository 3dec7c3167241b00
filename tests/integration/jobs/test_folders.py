"""A job's files in natural order, and folder by folder: on torrents that are hostile, old or large."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from typing import Any

import pytest

from tests.integration.jobs.listing import HOSTILE, list_files, list_folder, paths, torrent_of, totals
from tests.integration.jobs.running import Service, User, eventually, refused
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_kit.errors import Kind

SHOW = {
    "Show/S10/e1.mkv": 7,
    "Show/S2/e10.mkv": 40,
    "Show/S2/e9.mkv": 30,
    "Show/S2/extras/b.txt": 2,
    "Show/cover.jpg": 5,
    "about.txt": 1,
    "Show/S2/e1.mkv": 20,
}
SHOW_IN_ORDER = [
    *("Show/S2/extras/b.txt", "Show/S2/e1.mkv", "Show/S2/e9.mkv", "Show/S2/e10.mkv", "Show/S10/e1.mkv"),
    *("Show/cover.jpg", "about.txt"),
]


async def test_natural_order_and_order_of_the_torrent(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(SHOW))
    for limit in (1, 3, 1000):
        assert paths(await list_files(user, job, limit=limit)) == SHOW_IN_ORDER
        assert paths(await list_files(user, job, limit=limit, order=pb.FILE_ORDER_INDEX)) == list(SHOW)
    assert paths(await user.files(job)) == list(SHOW)
    in_folder = SHOW_IN_ORDER[:4]
    for order, expected in (
        (pb.FILE_ORDER_NATURAL, in_folder),
        (pb.FILE_ORDER_INDEX, sorted(in_folder, key=[*SHOW].index)),
    ):
        assert paths(await list_files(user, job, limit=3, folder="Show/S2", order=order)) == expected
    assert paths(await list_files(user, job, folder="Show/S2", text="E1")) == ["Show/S2/e1.mkv", "Show/S2/e10.mkv"]


@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_folders_come_first_with_all_that_is_in_them(jobs: Service, limit: int) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(SHOW), selection=[0, 1, 4])
    root = await list_folder(user, job, limit=limit)
    assert root.totals == totals(7, 105, 3, 52, 0, 0)
    assert [(list(each.path), each.totals) for each in root.folders] == [(["Show"], totals(6, 104, 3, 52, 0, 0))]
    assert paths(root.files) == ["about.txt"]
    show = await list_folder(user, job, "Show", limit)
    assert show.totals == root.folders[0].totals
    assert [(list(each.path), each.totals) for each in show.folders] == [
        (["Show", "S2"], totals(4, 92, 1, 40, 0, 0)),
        (["Show", "S10"], totals(1, 7, 1, 7, 0, 0)),
    ]
    assert paths(show.files) == ["Show/cover.jpg"]
    season = await list_folder(user, job, "Show/S2", limit)
    assert (paths(season.folders), paths(season.files)) == (["Show/S2/extras"], SHOW_IN_ORDER[1:4])
    last = await list_folder(user, job, "Show/S10", limit)
    assert (paths(last.folders), paths(last.files)) == ([], ["Show/S10/e1.mkv"])


async def test_what_is_deleted_is_in_no_list_and_no_total(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of({**SHOW, "Show/empty.txt": 0}))
    assert (await list_folder(user, job, "Show")).totals == totals(7, 104, 7, 104, 1, 0)
    for file in await list_files(user, job, folder="Show/S10"):
        await user.delete_file(file)
    for limit in (1, 1000):
        show = await list_folder(user, job, "Show", limit)
        assert (paths(show.folders), show.totals) == (["Show/S2"], totals(6, 97, 6, 97, 1, 0))
    assert (await list_folder(user, job)).totals == totals(7, 98, 7, 98, 1, 0)
    gone = await list_folder(user, job, "Show/S10")
    assert (list(gone.files), gone.totals) == ([], totals(0, 0, 0, 0, 0, 0))


async def test_hostile_names_lead_to_their_own_folders(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of({f"{name}/{name}/{name}": 1 for name in HOSTILE}))
    root = await list_folder(user, job, limit=5)
    assert Counter(each.path[0] for each in root.folders) == Counter(HOSTILE)
    for folder in root.folders:
        inside = await list_folder(user, job, "/".join(folder.path))
        assert paths(inside.folders) == ["/".join([*folder.path] * 2)]
        deepest = await list_folder(user, job, "/".join(inside.folders[0].path), limit=1)
        assert paths(deepest.files) == ["/".join([*folder.path] * 3)]
        assert paths(await list_files(user, job, folder=folder.path[0])) == paths(deepest.files)
    names = "/".join(["\u00fc" * 250] * 8)
    deep = await user.submit(torrent=torrent_of({f"{names}/{number}": 1 for number in range(3)}))
    assert paths((await list_folder(user, deep, names, limit=1)).files) == [f"{names}/{number}" for number in range(3)]


async def test_what_is_no_folder_of_the_job(jobs: Service) -> None:
    user, other = jobs.user(), jobs.user()
    job = await user.submit(torrent=torrent_of(SHOW))
    unlike = (
        "about.txt",
        "Show/S2/e1.mkv",
        "show",
        "Show/",
        "/Show",
        "Show//S2",
        "S2",
        ".",
        "..",
        "/",
        "Show/S2/e1",
        " ",
    )
    for folder in (*unlike, "x/" * 200, "y" * 5000):
        assert (await refused("folder_not_found", list_folder(user, job, folder))).kind is Kind.NOT_FOUND
        await refused("folder_not_found", list_files(user, job, folder=folder))
    for folder in ("", "Show"):
        await refused("job_not_found", list_folder(other, job, folder))
    waiting = await user.submit(magnet=f"magnet:?xt=urn:btih:{uuid.uuid4().hex}{'0' * 8}")
    assert await list_folder(user, waiting) == pb.ListFolderResponse(totals=totals(0, 0, 0, 0, 0, 0))
    await refused("folder_not_found", list_folder(user, waiting, "Show"))


async def test_cursors_are_of_their_own_folder_and_order_only(jobs: Service) -> None:
    user, other = jobs.user(), jobs.user()
    job = await user.submit(torrent=torrent_of(SHOW))
    others = await other.submit(torrent=torrent_of(SHOW))

    async def folder(who: User, of: model.Job, name: str, cursor: str = "") -> pb.ListFolderResponse:
        request = pb.ListFolderRequest(job_id=of.job_id, folder=name, cursor=cursor, limit=1)
        return await who.call(jobs.jobs.ListFolder, request)

    async def flat(cursor: str = "", **fields: Any) -> pb.ListFilesResponse:
        usual: dict[str, Any] = {"job_id": job.job_id, "order": pb.FILE_ORDER_NATURAL, "limit": 1, "cursor": cursor}
        return await user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(**{**usual, **fields}))

    of_folder, of_list = (await folder(user, job, "Show")).next_cursor, (await flat()).next_cursor
    for call in (
        folder(user, job, "Show/S2", of_folder),
        folder(user, job, "", of_folder),
        folder(other, others, "Show", of_folder),
        folder(user, job, "Show", of_list),
        flat(of_folder),
        flat(of_list, order=pb.FILE_ORDER_INDEX),
        flat(of_list, folder="Show"),
        flat(of_list, types=[model.FILE_TYPE_VIDEO]),
        flat(of_list, min_bytes=1),
    ):
        await refused("bad_cursor", call)
    for limit in (-1, 1001):
        request = pb.ListFolderRequest(job_id=job.job_id, limit=limit)
        await refused("bad_limit", user.call(jobs.jobs.ListFolder, request))


async def test_a_torrent_older_than_the_order_is_listed_right_at_once_and_put_in_order(jobs: Service) -> None:
    user = jobs.user()
    job = await user.submit(torrent=torrent_of(SHOW))
    torrent_id = await jobs.value("SELECT torrent_id FROM jobs WHERE job_id = $1", uuid.UUID(job.job_id))
    places = "SELECT file_index, natural_rank, shared_folders FROM entries WHERE torrent_id = $1 ORDER BY file_index"
    before = await jobs.rows(places, torrent_id)
    forget = "UPDATE entries SET natural_rank = NULL, shared_folders = NULL WHERE torrent_id = $1"
    await jobs.rows(f"{forget} AND file_index > 2", torrent_id)  # who wrote them died half-way
    assert paths(await list_files(user, job)) == SHOW_IN_ORDER
    assert await jobs.rows(places, torrent_id) == before
    await jobs.rows(forget, torrent_id)

    async def in_order() -> bool:
        return await jobs.rows(places, torrent_id) == before

    await eventually(in_order)


async def test_ten_thousand_files_are_gone_through_page_by_page(jobs: Service) -> None:
    user = jobs.user()
    names = [f"part {number // 100}/file {number}" for number in range(10_000)]
    random.Random(7).shuffle(names)
    job = await user.submit(torrent=torrent_of(dict.fromkeys(names, 1)), selection=range(5000))
    expected = [f"part {number // 100}/file {number}" for number in range(10_000)]
    assert paths(await list_files(user, job, limit=999)) == expected
    root = await list_folder(user, job, limit=30)
    assert paths(root.folders) == [f"part {number}" for number in range(100)]
    assert {each.totals.file_count for each in root.folders} == {100}
    assert sum(each.totals.wanted_bytes for each in root.folders) == root.totals.wanted_bytes == 5000
    assert paths((await list_folder(user, job, "part 73", limit=7)).files) == expected[7300:7400]
