"""Downloads: resumed where they broke, checked, and never in the way of a file that is there."""

from __future__ import annotations

import fcntl
import json
import zlib
from pathlib import Path

import httpx
import pytest

from tests.unit.cli.wires import Script, Stream, client, file, job, problem
from tseeder_cli.client import Client
from tseeder_cli.download import download
from tseeder_cli.errors import CliError
from tseeder_cli.verbs.files import get_file, get_job
from tseeder_cli.wire import File

DATA = bytes(range(256)) * 40
ETAG = '"v1"'
FILE = file(size_bytes=len(DATA), crc32=zlib.crc32(DATA))


class FileServer:
    """Serves DATA as the gateway does: ranges, If-Range; and breaks the connection after `cuts` bytes, one each."""

    def __init__(self, data: bytes = DATA, *, etag: str = ETAG, cuts: tuple[int, ...] = ()) -> None:
        self.data = data
        self.etag = etag
        self.cuts = list(cuts)
        self.ranges: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        headers = {"ETag": self.etag, "Accept-Ranges": "bytes"}
        start, status = 0, 200
        if asked and request.headers.get("If-Range") == self.etag:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        body = self.data[start:]
        if self.cuts:
            return httpx.Response(status, headers=headers, stream=Stream([body[: self.cuts.pop(0)]], breaks=True))
        return httpx.Response(status, headers=headers, stream=Stream([body]))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    seen: list[int] = []
    async with client(FileServer()) as http:
        done = await download(http, FILE, tmp_path / "new" / "film.mkv", seen.append)
    assert done.path.read_bytes() == DATA
    assert (done.checked, done.resumed_at) == (True, 0)
    assert seen[-1] == len(DATA)
    assert names(tmp_path / "new") == ["film.mkv"]


async def test_broken_connections_are_taken_up_where_they_broke(tmp_path: Path) -> None:
    server = FileServer(cuts=(1000, 500))
    async with client(server) as http:
        await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000-", "bytes=1500-"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr("tseeder_cli.download.LONGEST_DELAY_SECONDS", 0)
    monkeypatch.setattr("tseeder_cli.download.TRIES_WITHOUT_PROGRESS", 2)


async def test_a_later_run_goes_on_where_an_earlier_one_ended(tmp_path: Path) -> None:
    await left_behind_by_kill(tmp_path, 3000)
    server = FileServer()
    async with client(server) as http:
        done = await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA
    assert done.resumed_at == 3000
    assert server.ranges == ["bytes=3000-"]
    assert names(tmp_path) == ["film.mkv"]


async def left_behind_by_kill(folder: Path, count: int, *, etag: str = ETAG, owner: File = FILE) -> None:
    """What is on disk after kill -9 at byte `count`."""
    (folder / "film.mkv.part").write_bytes(DATA[:count])
    note = {"file_id": owner["file_id"], "size_bytes": owner["size_bytes"], "etag": etag}
    (folder / "film.mkv.part.json").write_text(json.dumps(note))


async def test_a_part_that_is_whole_needs_no_request(tmp_path: Path) -> None:
    await left_behind_by_kill(tmp_path, len(DATA))
    async with client(Script([])) as http:
        await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA


async def test_another_version_at_the_server_starts_over(tmp_path: Path) -> None:
    await left_behind_by_kill(tmp_path, 3000, etag='"old"')
    server = FileServer()
    async with client(server) as http:
        done = await download(http, FILE, tmp_path / "film.mkv")
    assert (done.resumed_at, (tmp_path / "film.mkv").read_bytes()) == (0, DATA)
    assert server.ranges == ["bytes=3000-"]


@pytest.mark.parametrize("note", ["", "[]", '{"file_id": "another", "size_bytes": 10240, "etag": "x"}'])
async def test_a_part_of_something_else_is_not_continued(tmp_path: Path, note: str) -> None:
    (tmp_path / "film.mkv.part").write_bytes(b"something else")
    (tmp_path / "film.mkv.part.json").write_text(note)
    server = FileServer()
    async with client(server) as http:
        await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA
    assert server.ranges == [None]


async def test_a_weak_etag_is_not_trusted_for_a_resume(tmp_path: Path) -> None:
    server = FileServer(etag='W/"v1"', cuts=(1000,))
    async with client(server) as http:
        await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA
    assert server.ranges == [None, None]


async def test_wrong_bytes_are_dropped(tmp_path: Path) -> None:
    wrong = b"x" + DATA[1:]
    async with client(FileServer(wrong)) as http:
        with pytest.raises(CliError) as caught:
            await download(http, FILE, tmp_path / "film.mkv")
    assert caught.value.code == "checksum_mismatch"
    assert names(tmp_path) == []


async def test_more_bytes_than_the_file_has_are_refused(tmp_path: Path) -> None:
    async with client(FileServer(DATA + b"x")) as http:
        with pytest.raises(CliError) as caught:
            await download(http, FILE, tmp_path / "film.mkv")
    assert caught.value.code == "wrong_size"


async def test_an_answer_that_ends_early_is_asked_for_the_rest(tmp_path: Path) -> None:
    half = httpx.Response(200, headers={"ETag": ETAG}, stream=Stream([DATA[:5000]]))
    server = FileServer()
    async with client(lambda request: server(request) if "Range" in request.headers else half) as http:
        await download(http, FILE, tmp_path / "film.mkv")
    assert (tmp_path / "film.mkv").read_bytes() == DATA


async def test_another_range_than_asked_for_is_refused(tmp_path: Path) -> None:
    await left_behind_by_kill(tmp_path, 3000)
    answer = httpx.Response(206, headers={"ETag": ETAG, "Content-Range": "bytes 0-10239/10240"}, content=DATA)
    async with client(Script([answer])) as http:
        with pytest.raises(CliError) as caught:
            await download(http, FILE, tmp_path / "film.mkv")
    assert caught.value.code == "bad_range"


async def test_a_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    async with client(Script([problem(404, "file_not_found")])) as http:
        with pytest.raises(CliError) as caught:
            await download(http, FILE, tmp_path / "film.mkv")
    assert caught.value.code == "file_not_found"
    assert names(tmp_path) == []


async def test_an_empty_file(tmp_path: Path) -> None:
    async with client(FileServer(b"")) as http:
        await download(http, file(size_bytes=0, crc32=0), tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""
    assert names(tmp_path) == ["empty"]


async def test_two_downloads_to_one_place_do_not_mix(tmp_path: Path) -> None:
    with (tmp_path / "film.mkv.part").open("a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        async with client(FileServer()) as http:
            with pytest.raises(CliError) as caught:
                await download(http, FILE, tmp_path / "film.mkv")
    assert caught.value.code == "download_running"


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with client(FileServer()) as http:
        with pytest.raises(CliError) as caught:
            await download(http, FILE, tmp_path / "file" / "film.mkv")
    assert caught.value.code == "disk_error"


async def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "film.mkv"
    target.write_text("mine")
    async with client(FileServer()) as http:
        with pytest.raises(CliError) as caught:
            await get_file(http, FILE, tmp_path)
        assert caught.value.code == "file_exists"
        assert target.read_text() == "mine"
        await get_file(http, FILE, tmp_path, force=True)
    assert target.read_bytes() == DATA


async def test_a_name_that_ends_in_a_slash_is_a_folder_also_if_it_is_not_there_yet(tmp_path: Path) -> None:
    async with client(FileServer()) as http:
        done = await get_file(http, FILE, tmp_path / "new", into=True)
    assert done.path == tmp_path / "new" / "film.mkv"
    assert done.path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("state", "hint"),
    [("cancelled", "tseeder retry 0193a1b2-c3d4"), ("downloading", "tseeder watch 0193a1b2-c3d4")],
)
async def test_what_helps_when_nothing_is_stored_depends_on_the_job(tmp_path: Path, state: str, hint: str) -> None:
    async with a_job_of(file(state="pending")) as http:
        with pytest.raises(CliError) as caught:
            await get_job(http, job(state=state), tmp_path, None)
    assert caught.value.code == "nothing_stored"
    assert state in caught.value.message
    assert ("yet" in caught.value.message) == (state == "downloading")
    assert hint in caught.value.hint


async def test_an_index_that_is_no_file_is_told(tmp_path: Path) -> None:
    async with a_job_of(file(file_index=0), file(file_index=1), file(file_index=2)) as http:
        with pytest.raises(CliError) as caught:
            await get_job(http, job(), tmp_path, [1, 7])
    assert caught.value.message == "the torrent has no file 7"
    assert names(tmp_path) == []


def a_job_of(*files: File) -> Client:
    """A server with these files, all of them with DATA."""
    server = FileServer()
    listing = httpx.Response(200, json={"items": files, "next_cursor": None})
    return client(lambda request: listing if request.url.path.endswith("/files") else server(request))


async def test_a_hostile_torrent_stays_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "film"
    paths = (["..", "..", "escaped"], ["/etc/passwd"], ["a\\..\\..\\b"], ["a\x00b"], ["same"], ["SAME"])
    files = [file(file_index=at, path=path, size_bytes=len(DATA)) for at, path in enumerate(paths)]
    async with a_job_of(*files) as http:
        await get_job(http, job(), folder, None)
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["film"]
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    expected = ["SAME (2)", "_/_/escaped", "_etc_passwd", "a_.._.._b", "a_b", "same"]
    assert sorted(str(path) for path in found) == expected


async def test_of_a_job_only_what_is_chosen_stored_and_not_there_is_fetched(tmp_path: Path) -> None:
    files = [file(file_index=at, path=[f"{at}"], size_bytes=len(DATA)) for at in range(4)]
    files[2]["state"] = "pending"
    async with a_job_of(*files) as http:
        await get_job(http, job(), tmp_path, [0, 2])
        assert names(tmp_path) == ["0"]
        (tmp_path / "0").write_bytes(b"y" * len(DATA))
        await get_job(http, job(), tmp_path, None)
    assert names(tmp_path) == ["0", "1", "3"]
    assert (tmp_path / "0").read_bytes() == b"y" * len(DATA)  # of the right size: taken for fetched
