"""A job's files as one archive: what is asked for, and how it is taken up."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.unit.cli.test_download import names
from tests.unit.cli.wires import JOB_ID, Script, Stream, client, job, problem
from tseeder_cli.errors import CliError
from tseeder_cli.verbs.archives import archive_params, get_archive

DATA = bytes(range(256)) * 40
ETAG = '"v1"'


class ArchiveServer:
    """Serves DATA in ranges, and breaks off its first whole answer after 1,000 bytes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("Range")
        self.asked.append((request.url.raw_path.decode(), asked))
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        body = DATA[int(first) : int(last or len(DATA) - 1) + 1]
        headers = {"ETag": ETAG}
        if asked is None:
            return httpx.Response(200, headers=headers, stream=Stream([body[:1000]], breaks=True))
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(body) - 1}/{len(DATA)}"
        return httpx.Response(206, headers=headers, stream=Stream([body]))


@pytest.mark.parametrize(
    ("select", "folder", "params"),
    [
        ("", "", {}),
        ("0,1,2,7", "", {"files": "0-2,7"}),
        ("5", "season 1/", {"files": "5", "folder": "season 1"}),
    ],
)
def test_which_files(select: str, folder: str, params: dict[str, str]) -> None:
    assert archive_params(select, folder) == params


async def test_it_is_taken_up_where_it_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tseeder_cli.download.LONGEST_DELAY_SECONDS", 0)
    server = ArchiveServer()
    async with client(server) as http:
        done = await get_archive(http, job(name="a/b"), f"{tmp_path}/", {"files": "0-2"})
    assert done.path == tmp_path / "a_b.zip"
    assert done.path.read_bytes() == DATA
    path = f"/v1/jobs/{JOB_ID}/archive.zip?files=0-2"
    assert server.asked == [(path, "bytes=0-0"), (path, None), (path, "bytes=1000-")]
    assert names(tmp_path) == ["a_b.zip"]


async def test_why_there_is_none_is_told(tmp_path: Path) -> None:
    async with client(Script([problem(409, "not_stored_yet")])) as http:
        with pytest.raises(CliError) as caught:
            await get_archive(http, job(), str(tmp_path / "x.zip"), {})
    assert caught.value.code == "not_stored_yet"
    assert names(tmp_path) == []
