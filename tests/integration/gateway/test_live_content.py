"""The content of files that no S3 server has: every bad range, and what the agent's door lets through."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.bad_ranges import BAD_RANGES, FILES, SIZE, Asked
from tests.integration.agent.working import Working, working
from tests.integration.gateway.conftest import MIB, MakeSample, submitted
from tests.integration.gateway.running import Caller, Door, running, signed_in
from tests.integration.jobs.running import eventually, refused
from tseeder.agent.v1.read_token_pb2 import ReadToken
from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_agent.domain.ledger import PRIORITY
from tseeder_agent.domain.read_windows import ReadWindows
from tseeder_agent.usecases.run import Run
from tseeder_kit.settings import SecretStr
from tseeder_rpc import sign_read, use_identity
from tseeder_testkit.swarm import seeding

PATHS = ("film.mkv", "empty.txt")


@dataclass(frozen=True)
class Stage:
    """A job that an agent has fetched, and cannot store: S3 refuses its key."""

    door: Door
    user: Caller
    agent: Working
    files: dict[str, str]  # path -> file id
    film: bytes

    async def open_read(self, path: str = "film.mkv") -> pb.OpenReadResponse:
        """What jobs tells the gateway."""
        auth, jobs = self.door.upstream.auth, self.door.upstream.jobs
        with use_identity(await auth.identity(self.user.email)):
            return await jobs.jobs.OpenRead(pb.OpenReadRequest(file_id=self.files[path]))


@pytest.fixture
async def stage(door: Door, sample: MakeSample, tmp_path: Path) -> AsyncIterator[Stage]:
    torrent = await sample({path: FILES[path] for path in PATHS})
    user = await signed_in(door.upstream)
    wrong = {"s3_secret_key": SecretStr("not the secret")}
    async with (
        seeding(torrent.torrent, torrent.root) as seeder,
        working(door.upstream.jobs, tmp_path / "scratch", transfers=32, read_wait_seconds=2, **wrong) as agent,
        running(door.upstream, content_wait_seconds=20) as gateway,
    ):
        job_id = await submitted(gateway, user, torrent)
        await _introduce(agent, seeder.host, seeder.port)
        listed = (await gateway.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
        files = {file["path"][-1]: file["file_id"] for file in listed}
        film = await asyncio.to_thread(torrent.path_of(torrent.files[0]).read_bytes)
        yield Stage(gateway, user, agent, files, film)
        await gateway.call("DELETE", f"/v1/jobs/{job_id}", user=user)


async def _introduce(agent: Working, host: str, port: int) -> None:
    """To a peer: the torrent names no tracker. (The agent may run what other tests left in the queue, too.)"""

    async def met() -> bool:
        for run in agent.app.fleet.runs.values():
            sizes = {entry.size for entry in run.description.entries} if run.description else set()
            if run.torrent is not None and SIZE in sizes:
                run.torrent.handle.connect_peer((host, port))
                return True
        return False

    await eventually(met)


async def test_every_bad_range(stage: Stage) -> None:
    """As from S3, header by header."""
    for name, asked in BAD_RANGES.items():
        await _answers(stage, name, asked)
    made = await stage.door.call("POST", f"/v1/files/{stage.files['film.mkv']}/links", user=stage.user, json={})
    assert (await stage.door.call("GET", f"/v1/links/{made.json['token']}")).body == stage.film
    answer = await stage.open_read()
    assert answer.WhichOneof("source") == "agent"  # it was no object meanwhile


async def _answers(stage: Stage, name: str, asked: Asked) -> None:
    path = f"/v1/files/{stage.files[asked.path]}/content"
    answer = await stage.door.call(asked.method, path, user=stage.user, headers=asked.headers)
    assert answer.status == asked.status, name
    size = FILES[asked.path]
    if asked.status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{size}", name
    if asked.code:
        assert answer.code == asked.code, name
        return
    start, stop = asked.body
    whole = stage.film if asked.path == "film.mkv" else b""
    assert answer.body == (b"" if asked.method == "HEAD" else whole[start:stop]), name
    assert answer.headers["Content-Length"] == str(stop - start), name
    expected = f"bytes {start}-{stop - 1}/{size}" if asked.status == 206 else None
    assert answer.headers.get("Content-Range") == expected, name


async def test_the_agents_door_opens_to_a_token_of_jobs_for_this_lease_and_file_only(stage: Stage) -> None:
    answer = await stage.open_read()
    good = ReadToken.FromString(base64.urlsafe_b64decode(answer.agent.token)[32:])
    key = await _credential_hash(stage)

    def altered(**fields: object) -> str:
        token = ReadToken.FromString(good.SerializeToString())
        for field, value in fields.items():
            setattr(token, field, value)
        return sign_read(token, key)

    old = ReadToken.FromString(good.SerializeToString())
    old.expires_at.FromDatetime(datetime.now(UTC) - timedelta(seconds=1))
    assert await _asked(stage, answer.agent.token) == (206, stage.film[:10])
    assert (await _asked(stage, sign_read(good, key)))[0] == 206
    for token, status in (
        ("", 401),
        ("x", 401),
        ("\u00e9", 401),
        (answer.agent.token[:-4], 401),
        (sign_read(good, b"x" * 32), 401),  # another agent's credential
        (sign_read(old, key), 401),
        (altered(agent_id="agent-other"), 409),
        (altered(boot_id="01a22367-303b-774d-a650-59eab9c0f420"), 409),
        (altered(transfer_id="01a22367-303b-774d-a650-59eab9c0f420"), 409),
        (altered(epoch=good.epoch + 1), 409),
        (altered(file_index=99), 404),
    ):
        assert (await _asked(stage, token))[0] == status, token
    for asked, status in (("", 400), ("bytes=0-", 400), ("bytes=5-4", 416), (f"bytes=0-{SIZE}", 416)):
        assert (await _asked(stage, answer.agent.token, asked))[0] == status, asked


async def _asked(stage: Stage, token: str, asked: str = "bytes=0-9") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Range": asked}
    async with (
        aiohttp.ClientSession() as http,
        http.get(stage.agent.app.fleet.read_url + "/v1/read", headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def _credential_hash(stage: Stage) -> bytes:
    jobs = stage.door.upstream.jobs
    found: bytes = await jobs.value(
        "SELECT credential_hash FROM agents WHERE agent_id = $1", stage.agent.settings.agent_id
    )
    return found


async def test_nobody_else_is_told_where_it_is(stage: Stage) -> None:
    other = await signed_in(stage.door.upstream)
    jobs = stage.door.upstream.jobs
    with use_identity(await stage.door.upstream.auth.identity(other.email)):
        request = pb.OpenReadRequest(file_id=stage.files["film.mkv"])
        await refused("file_not_found", jobs.jobs.OpenRead(request))


async def test_a_reader_who_leaves_is_waited_for_by_nobody(door: Door, sample: MakeSample, tmp_path: Path) -> None:
    """What he asked for is not fetched first any more, and his place is free."""
    torrent = await sample({"film.mkv": 2 * MIB})
    user = await signed_in(door.upstream)
    async with working(door.upstream.jobs, tmp_path / "scratch", transfers=32, readers=1) as agent:
        job_id = await submitted(door, user, torrent)
        (file,) = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]

        def windows() -> list[dict[int, int]]:
            runs = agent.app.fleet.runs.values()
            return [run.readers.slots() for run in runs if run.readers is not None]

        async def waits() -> bool:
            return any(windows())

        async def waits_no_more() -> bool:
            return not any(windows())

        async with running(door.upstream, content_wait_seconds=60) as gateway:
            asking = asyncio.create_task(gateway.call("GET", f"/v1/files/{file['file_id']}/content", user=user))
            await eventually(waits)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await eventually(waits_no_more)
        await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)


async def test_a_readers_window_goes_before_uploads_and_gives_back_what_it_took(
    door: Door, sample: MakeSample, tmp_path: Path
) -> None:
    """By libtorrent's own priorities: a deadline raises a piece's, and nothing but us lowers it to what it was."""
    torrent = await sample({"film.mkv": 40 * MIB}, piece_length=256 << 10)
    user = await signed_in(door.upstream)
    async with working(door.upstream.jobs, tmp_path / "scratch", transfers=32) as agent:
        job_id = await submitted(door, user, torrent)
        found: list[Run] = []

        async def fetched() -> bool:
            runs = agent.app.fleet.runs.values()
            found[:] = [run for run in runs if run.ledger and run.ledger.piece_count == 160 and run.re_aim]
            return bool(found)

        await eventually(fetched)
        (run,) = found

        def raised() -> set[int]:
            assert run.torrent is not None
            return {piece for piece, each in enumerate(run.torrent.handle.get_piece_priorities()) if each != PRIORITY}

        def again() -> None:
            assert run.re_aim is not None
            run.re_aim()

        async def is_raised(*wanted: range) -> None:
            async def so() -> bool:
                return raised() == {piece for each in wanted for piece in each}

            await eventually(so)

        uploads = raised()
        assert 0 in uploads
        assert 100 not in uploads
        readers = run.readers = run.readers or ReadWindows(256 << 10)
        one, other = readers.enter(), readers.enter()
        for reader, first, last, wanted in (
            (one, 100, 159, [range(100, 132)]),
            (one, 101, 159, [range(101, 133)]),  # on by one: what is behind is left behind
            (other, 0, 9, [range(10), range(101, 133)]),
            (one, 150, 159, [range(10), range(150, 160)]),  # a seek
        ):
            readers.move(reader, first, last)
            again()
            await is_raised(*wanted)
        readers.leave(one)
        again()
        await is_raised(range(10))
        readers.leave(other)
        again()
        await is_raised(range(min(uploads), max(uploads) + 1))
        await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)


async def test_what_no_peer_has_is_late(door: Door, sample: MakeSample, tmp_path: Path) -> None:
    """Said in time, before there is any answer; and whoever comes next finds the place free."""
    torrent = await sample({"film.mkv": 2 * MIB})
    user = await signed_in(door.upstream)
    seconds = {"read_wait_seconds": 1.5}
    async with working(door.upstream.jobs, tmp_path / "scratch", transfers=32, readers=1, **seconds) as agent:
        job_id = await submitted(door, user, torrent)
        (file,) = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]

        async def fetched() -> bool:
            return any(run.torrent is not None for run in agent.app.fleet.runs.values())

        await eventually(fetched)
        for _ in range(2):
            answer = await door.call("GET", f"/v1/files/{file['file_id']}/content", user=user)
            assert (answer.status, answer.code) == (503, "content_late")
            assert int(answer.headers["Retry-After"]) > 0
        await door.call("DELETE", f"/v1/jobs/{job_id}", user=user)
