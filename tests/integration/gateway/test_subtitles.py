"""Subtitles by HTTP: what a browser's player gets, and who gets none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.integration.gateway.conftest import MakeDoor, lease_of, submitted
from tests.integration.gateway.running import Caller, Door
from tests.integration.gateway.test_content_faults import outcomes
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import eventually
from tseeder_gateway.domain.webvtt import MAX_BYTES
from tseeder_testkit.torrents import FileSpec, Sample, TorrentSpec, write_torrent

RUSSIAN: Final = "Это было давно, и никто уже не помнил, чем всё кончилось."
SRT: Final = f"1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>{RUSSIAN}</i>\r\n"
LONG: Final = 1_600_000
"""Of what takes five letters as WebVTT."""
CONTENTS: Final = {
    "Film.ru.SRT": SRT.encode("cp1251"),
    "film.mkv": b"\x1a\x45\xdf\xa3" + bytes(100),
    "noise.ass": bytes(range(256)) * 4,
    "empty.srt": b"",
    "large.vtt": b"WEBVTT\n" + bytes(MAX_BYTES),
}


@pytest.fixture(scope="module")
async def torrent(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A film and its subtitles."""
    return await asyncio.to_thread(_written, tmp_path_factory.mktemp("subtitles"), CONTENTS)


def _written(folder: Path, contents: Mapping[str, bytes]) -> Sample:
    specs = []
    for name, data in contents.items():
        (folder / name).write_bytes(data)
        specs.append(FileSpec(name, len(data), folder / name))
    return write_torrent(folder / "torrent", TorrentSpec(tuple(specs), name="subtitles", seed=9, piece_length=1 << 18))


async def urls(door: Door, user: Caller, job_id: str) -> dict[str, str]:
    """Where each file is."""
    files = await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)
    return {file["path"][0]: f"/v1/files/{file['file_id']}" for file in files.json["items"]}


async def test_they_come_as_webvtt(door: Door, user: Caller, stranger: Caller, agent: Agent, torrent: Sample) -> None:
    job_id = await submitted(door, user, torrent)
    files = await urls(door, user, job_id)
    url = f"{files['Film.ru.SRT']}/subtitles.vtt"
    early = await door.call("HEAD", url, user=user)
    assert early.status == 200, "nothing is read for it"
    waiting = await door.call("GET", url, user=user)
    assert (waiting.status, waiting.code) == (409, "not_stored_yet")
    await agent.run(await lease_of(agent, job_id), torrent)
    before = (await door.call("GET", "/v1/usage", user=user)).json["bandwidth_bytes"]
    answer = await door.call("GET", url, user=user)
    assert answer.status == 200
    assert answer.body.decode() == f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<i>{RUSSIAN}</i>\n"
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    content = await door.call("HEAD", f"{files['Film.ru.SRT']}/content", user=user)
    assert answer.headers["ETag"] != content.headers["ETag"]
    again = await door.call("GET", url, user=user, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    head = await door.call("HEAD", url, user=user)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", answer.headers["ETag"])
    assert early.headers["ETag"] == answer.headers["ETag"]
    assert "Content-Length" not in head.headers
    noise = f"{files['noise.ass']}/subtitles.vtt"
    assert (await door.call("HEAD", noise, user=user)).status == 200
    after = (await door.call("GET", "/v1/usage", user=user)).json["bandwidth_bytes"]
    assert after - before == len(CONTENTS["Film.ru.SRT"])
    for name, who, status, code in (
        ("film.mkv", user, 409, "not_subtitles"),
        ("noise.ass", user, 422, "subtitles_unreadable"),
        ("empty.srt", user, 422, "subtitles_unreadable"),
        ("large.vtt", user, 413, "subtitles_too_large"),
        ("Film.ru.SRT", stranger, 404, "file_not_found"),
    ):
        refused = await door.call("GET", f"{files[name]}/subtitles.vtt", user=who)
        assert (refused.status, refused.code) == (status, code), name
    assert (await door.call("HEAD", noise, user=user)).status == 422, "it is known by now"


async def test_what_is_not_taken_counts_until_its_reader_is_dropped(
    make_door: MakeDoor, user: Caller, agent: Agent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two such answers are all that one caller may have lie here."""
    long = b"1\n00:00:01,000 --> 00:00:02,000\n" + b"&" * LONG + b"\n"
    torrent = await asyncio.to_thread(_written, tmp_path, {"long.srt": long})
    door = await make_door(stalled_reader_seconds=60)
    job_id = await submitted(door, user, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    url = f"{(await urls(door, user, job_id))['long.srt']}/subtitles.vtt"
    lines = [f"GET {url} HTTP/1.1", "Host: a", *(f"{name}: {value}" for name, value in user.headers.items())]
    async with AsyncExitStack() as stack:
        for _ in range(2):
            client = stack.enter_context(unread(door.http_port))
            await asyncio.get_running_loop().sock_sendall(client, "\r\n".join([*lines, "", ""]).encode())
            assert await asyncio.get_running_loop().sock_recv(client, 12) == b"HTTP/1.1 200"
        refused = await door.call("GET", url, user=user)
        assert (refused.status, refused.code) == (429, "too_many_subtitles")

    async def free() -> bool:
        return (await door.call("GET", url, user=user)).status == 200

    await eventually(free)
    strict = await make_door(stalled_reader_seconds=0.3)
    with caplog.at_level("INFO"), unread(strict.http_port) as client:
        await asyncio.get_running_loop().sock_sendall(client, "\r\n".join([*lines, "", ""]).encode())

        async def dropped() -> bool:
            return "reader_stalled" in outcomes(caplog)

        await eventually(dropped)


@contextmanager
def unread(port: int) -> Iterator[socket.socket]:
    """A connection whose client takes little."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        yield client
