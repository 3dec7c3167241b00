"""Ranges of stored files through the gateway (the whole table is in the gateway's own tests)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB

SIZE = 6 * MIB + 77
RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=5242870-5242890", 5_242_870, 5_242_891),  # over the seam of two parts
    ("bytes=6291456-", 6_291_456, SIZE),
    ("bytes=-77", SIZE - 77, SIZE),
    ("bytes=0-99999999", 0, SIZE),
]


async def test_ranges(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(files={"film.mkv": SIZE, "empty.txt": 0})
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    files = await ann.has(job, made)
    url = f"/v1/files/{files['film.mkv']['file_id']}/content"
    data = made.path_of(made.files[0]).read_bytes()
    async with ann.http() as http:
        for asked, start, stop in RANGES:
            answer = await http.get(url, headers={"Range": asked})
            assert answer.status_code == 206, asked
            assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
            assert answer.content == data[start:stop]
        whole = await http.head(url)
        assert (whole.status_code, whole.headers["Content-Length"]) == (200, str(SIZE))
        assert whole.headers["Accept-Ranges"] == "bytes"
        past = await http.get(url, headers={"Range": f"bytes={SIZE}-"})
        assert (past.status_code, past.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
        matched = await http.get(url, headers={"If-None-Match": whole.headers["ETag"]})
        assert matched.status_code == 304
        empty = await http.get(f"/v1/files/{files['empty.txt']['file_id']}/content")
        assert (empty.status_code, empty.content) == (200, b"")


@pytest.mark.parametrize("path", ["page.html", "drawing.svg"])
async def test_what_a_browser_would_run_is_not_shown_inline(
    ann: Person, swarm: Swarm, sample: MakeSample, path: str
) -> None:
    made = await sample(files={path: 1000, "other": 1})
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    file = (await ann.files(job))[path]
    async with ann.http() as http:
        answer = await http.get(f"/v1/files/{file['file_id']}/content")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_file_that_is_not_stored_yet(ann: Person, swarm: Swarm, sample: MakeSample) -> None:
    made = await sample(1000)
    job = await ann.submit(swarm.torrent(made))
    (file,) = (await ann.files(job)).values()
    async with ann.http() as http:
        answer = await http.get(f"/v1/files/{file['file_id']}/content")
    assert answer.status_code in (409, 503)
    assert answer.json()["code"]


async def test_a_file_whose_name_says_nothing_is_served_as_what_its_first_bytes_say(
    ann: Person, swarm: Swarm, sample: MakeSample, tmp_path: Path
) -> None:
    """Never as what a browser would run, whatever they say; and a name that says something is believed."""
    starts = {
        "picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64),
        "paper.v2": b"%PDF-1.7\n" + bytes(64),
        "page": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        "drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "noise": bytes(range(200, 256)),
        "film.mkv": b"%PDF-1.7\n" + bytes(64),
    }
    for name, start in starts.items():
        (tmp_path / name).write_bytes(start)
    made = await sample(sources=[tmp_path / name for name in starts])
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))

    unknown = "application/octet-stream"

    async def looked_at() -> dict[str, str] | None:
        types = {path: file["media_type"] for path, file in (await ann.files(job)).items()}
        return types if unknown not in (types["picture"], types["paper.v2"]) else None

    types = await wait_for(looked_at, "the files were looked into")
    assert types == {
        "picture": "image/png",
        "paper.v2": "application/pdf",
        "page": unknown,
        "drawing": unknown,
        "noise": unknown,
        "film.mkv": "video/x-matroska",
    }
    async with ann.http() as http:
        for path, file in (await ann.files(job)).items():
            for method in ("GET", "HEAD"):
                answer = await http.request(method, f"/v1/files/{file['file_id']}/content")
                assert answer.headers["Content-Type"] == types[path], (method, path)
