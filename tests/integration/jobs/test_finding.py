"""Files over all of one's jobs: by name, type, size and state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.jobs.listing import HOSTILE, list_files, paths, torrent_of
from tests.integration.jobs.running import Service, User, refused
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.usecases import read_files

FIRST = {"Film.MKV": 900, "film.srt": 10, "notes": 0, "x.m\u212av": 5}
SECOND = {"a/song.flac": 300, "a/cover.png": 40, "b.pdf": 50, "c.tar.gz": 60, "b.mkv/readme": 1}


async def two_jobs(user: User) -> list[str]:
    """All of their files, newest first."""
    await user.submit(torrent=torrent_of(FIRST))
    await user.submit(torrent=torrent_of(SECOND), selection=[0, 2])
    return [*reversed(SECOND), *reversed(FIRST)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"text": "FILM"}, ["film.srt", "Film.MKV"]),
        ({"text": "a/"}, ["a/cover.png", "a/song.flac"]),
        ({"text": "%"}, []),
        ({"types": [model.FILE_TYPE_VIDEO]}, ["Film.MKV"]),
        ({"types": [model.FILE_TYPE_AUDIO, model.FILE_TYPE_IMAGE]}, ["a/cover.png", "a/song.flac"]),
        ({"types": [model.FILE_TYPE_TEXT]}, ["film.srt"]),
        ({"types": [model.FILE_TYPE_DOCUMENT, model.FILE_TYPE_ARCHIVE]}, ["c.tar.gz", "b.pdf"]),
        ({"types": [model.FILE_TYPE_OTHER]}, ["b.mkv/readme", "x.m\u212av", "notes"]),
        (
            {"types": [model.FILE_TYPE_OTHER, model.FILE_TYPE_VIDEO]},
            ["b.mkv/readme", "x.m\u212av", "notes", "Film.MKV"],
        ),
        ({"min_bytes": 60, "max_bytes": 300}, ["c.tar.gz", "a/song.flac"]),
        ({"max_bytes": 0}, ["notes"]),
        ({"min_bytes": 301}, ["Film.MKV"]),
        ({"states": [model.FILE_STATE_STORED]}, ["notes"]),
        ({"states": [model.FILE_STATE_STORED, model.FILE_STATE_DROPPED]}, ["notes"]),
        ({"text": "film", "types": [model.FILE_TYPE_VIDEO], "min_bytes": 1}, ["Film.MKV"]),
        ({"text": "film", "types": [model.FILE_TYPE_AUDIO]}, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("limit", [1, 1000])
async def test_what_is_wanted(jobs: Service, wanted: dict[str, Any], found: list[str], limit: int) -> None:
    user = jobs.user()
    await two_jobs(user)
    assert paths(await list_files(user, limit=limit, **wanted)) == found


async def test_a_page_looks_at_so_many_files_and_the_list_goes_on(
    jobs: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = jobs.user()
    everything = await two_jobs(user)
    for examined in (1, 2, 8, 9, 10):
        monkeypatch.setattr(read_files, "EXAMINED", examined)
        assert paths(await list_files(user, limit=3)) == everything
        assert paths(await list_files(user, text="film")) == ["film.srt", "Film.MKV"]
        assert paths(await list_files(user, text="nothing is called so")) == []
    page = await user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(text="nothing is called so"))
    assert page == pb.ListFilesResponse()
    monkeypatch.setattr(read_files, "EXAMINED", 4)
    page = await user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(text="nothing is called so"))
    assert not page.files
    assert page.next_cursor


async def test_hostile_names_are_found_and_nobody_elses(jobs: Service) -> None:
    user, other = jobs.user(), jobs.user()
    torrent = torrent_of({f"{name}/{name}.mkv": 1 for name in HOSTILE})
    await user.submit(torrent=torrent)
    for name in HOSTILE:
        found = paths(await list_files(user, text=f"/{name}."[:255], types=[model.FILE_TYPE_VIDEO]))
        assert f"{name}/{name}.mkv" in found
        assert await list_files(other, text=name[:255]) == []


async def test_what_cannot_be_is_refused(jobs: Service) -> None:
    user = jobs.user()

    async def asked(**fields: Any) -> pb.ListFilesResponse:
        return await user.call(jobs.jobs.ListFiles, pb.ListFilesRequest(**fields))

    await refused("bad_type", asked(types=[0]))
    await refused("bad_type", asked(types=[99]))
    await refused("bad_state", asked(states=[0]))
    for sizes in ({"min_bytes": -1}, {"max_bytes": -1}, {"min_bytes": 2, "max_bytes": 1}):
        await refused("bad_size_range", asked(**sizes))
    for text in ("nul\0", "x" * 256):
        await refused("bad_text", asked(text=text))
    job = await user.submit(torrent=torrent_of(FIRST))
    await refused("bad_order", asked(job_id=job.job_id, order=9))
    await refused("bad_size_range", asked(job_id=job.job_id, min_bytes=-1))
    await two_jobs(user)
    cursor = (await asked(text="film", limit=1)).next_cursor
    assert cursor
    for other in (
        {},
        {"text": "fil"},
        {"text": "film", "types": [model.FILE_TYPE_VIDEO]},
        {"text": "film", "max_bytes": 1},
    ):
        await refused("bad_cursor", asked(cursor=cursor, limit=1, **other))
