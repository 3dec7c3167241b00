"""A redirect to RadosGW under a second address, which users reach and services do not use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from yarl import URL

from tests.integration.auth.running import ROOT, running_auth
from tests.integration.gateway.conftest import free_port, lease_of, submitted
from tests.integration.gateway.flaky import flaky_s3
from tests.integration.gateway.running import Caller, Door, Reply, Upstream, running, signed_in
from tests.integration.jobs.playing import Agent, agents_s3
from tests.integration.jobs.running import running as running_jobs
from tests.integration.jobs.running import world
from tseeder_cli.client import Client
from tseeder_stack.backing import make_bucket
from tseeder_stack.provision import create_database
from tseeder_stack.s3 import S3Server
from tseeder_testkit.s3_faults import FaultyS3, faulty_s3
from tseeder_testkit.torrents import FileSpec, TorrentSpec, write_torrent

pytestmark = pytest.mark.radosgw

FILM, PAGE, NAMED = "film.mp4", "page.html", "Füße – 映画.mkv"
SIZES = {FILM: 300_007, PAGE: 50, NAMED: 1000, "empty.txt": 0}


@dataclass(frozen=True)
class Stored:
    """A completed job's files, the gateway before them, and the address by which users reach S3."""

    door: Door
    user: Caller
    stranger: Caller
    public: FaultyS3
    urls: dict[str, str]
    contents: dict[str, bytes]

    async def located(self, path: str, **headers: str) -> URL:
        """Where the gateway sends a GET."""
        answer = await self.ask("GET", path, **headers)
        assert (answer.status, answer.body) == (307, b"")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        return URL(answer.headers["Location"], encoded=True)

    async def ask(self, method: str, path: str, **headers: str) -> Reply:
        """A request of the file's owner."""
        return await self.door.call(method, self.urls[path], user=self.user, headers=headers)

    async def follow(self, url: URL, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """What S3 answers there."""
        async with self.door.http.request(method, url, headers=headers) as answer:
            return answer.status, await answer.read(), dict(answer.headers)


@asynccontextmanager
async def upstream_on(
    server: S3Server, public_url: str, template: str, postgres: Any, nats: str, folder: Path
) -> AsyncIterator[Upstream]:
    """The services behind a gateway, as far as files need them, on a database and a bucket of their own."""
    await create_database(postgres.admin_url, "gateway_redirect", template=template)
    database = postgres.database("gateway_redirect")
    s3 = replace(server, bucket="gateway-redirect")
    await make_bucket(s3)
    async with AsyncExitStack() as stack:
        flaky = await stack.enter_async_context(flaky_s3(server.endpoint))
        made = await stack.enter_async_context(world(database, nats, s3, folder))
        auth = await stack.enter_async_context(running_auth(database.urls["auth"], nats, folder))
        await auth.bootstrap(ROOT)
        timers = {"lease_seconds": 600, "self_stop_seconds": 400}
        jobs = await stack.enter_async_context(
            running_jobs(made, rpc_port=free_port(), s3_public_endpoint=public_url, **timers)
        )
        yield Upstream(auth, jobs, free_port(), flaky, nats)


@pytest.fixture(scope="module")
async def stored(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    radosgw_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stored]:
    folder = tmp_path_factory.mktemp("redirect")
    files = tuple(FileSpec(path, size) for path, size in SIZES.items())
    async with (
        faulty_s3(radosgw_server.endpoint, host="127.0.0.2") as public,
        upstream_on(radosgw_server, public.url, migrated_template, postgres, nats_url, folder) as upstream,
        running(upstream, content_redirect=True) as door,
        agents_s3(upstream.jobs.world.s3) as client,
    ):
        torrent = await asyncio.to_thread(
            write_torrent, folder / "torrent", TorrentSpec(files, name="library", seed=78)
        )
        user, stranger = await signed_in(upstream), await signed_in(upstream)
        agent = Agent(upstream.jobs, client)
        await agent.register()
        job_id = await submitted(door, user, torrent)
        await agent.run(await lease_of(agent, job_id), torrent)
        listed = (await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)).json["items"]
        urls = {file["path"][-1]: f"/v1/files/{file['file_id']}/content" for file in listed}
        contents = {file.path: torrent.path_of(file).read_bytes() for file in torrent.files}
        yield Stored(door, user, stranger, public, urls, contents)


async def test_users_are_sent_to_the_public_address_and_get_the_bytes_there(stored: Stored) -> None:
    stored.public.seen.clear()
    for path in (FILM, PAGE, NAMED):
        url = await stored.located(path)
        assert str(url.origin()) == stored.public.url
        status, body, _ = await stored.follow(url)
        assert (status, body) == (200, stored.contents[path])
    assert stored.public.seen == {"GetObject": 3}


@pytest.mark.parametrize(
    ("wanted", "first", "last"), [("bytes=0-0", 0, 0), ("bytes=100-", 100, -1), ("bytes=-5", -5, -1)]
)
async def test_ranges_are_s3s_to_answer(stored: Stored, wanted: str, first: int, last: int) -> None:
    content, size = stored.contents[FILM], SIZES[FILM]
    url = await stored.located(FILM, Range=wanted)
    status, body, headers = await stored.follow(url, Range=wanted)
    assert (status, body) == (206, content[first % size : last % size + 1])
    assert headers["Content-Range"] == f"bytes {first % size}-{last % size}/{size}"
    # A player goes on with the same URL, and other ranges.
    assert (await stored.follow(url, Range="bytes=7-9"))[1] == content[7:10]
    assert (await stored.follow(url, Range=f"bytes={size}-"))[0] == 416


async def test_what_s3_says_of_a_file_is_what_the_gateway_would_have_said(stored: Stored) -> None:
    """Nothing that a browser would run is shown in place, and no name breaks out of its header."""
    for path, media_type in ((FILM, "video/mp4"), (PAGE, "application/octet-stream"), (NAMED, "video/x-matroska")):
        _, _, headers = await stored.follow(await stored.located(path))
        assert headers["Content-Type"] == media_type
        assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
        assert headers["Accept-Ranges"] == "bytes"
    _, _, headers = await stored.follow(await stored.located(NAMED))
    assert headers["Content-Disposition"].endswith("F%C3%BC%C3%9Fe%20%E2%80%93%20%E6%98%A0%E7%94%BB.mkv")


async def test_the_gateway_answers_itself_what_a_url_cannot(stored: Stored) -> None:
    """HEAD (a URL is signed for GET), several ranges, conditions, and what has no bytes."""
    stored.public.seen.clear()
    head = await stored.ask("HEAD", FILM)
    assert (head.status, head.headers["Content-Length"]) == (200, str(SIZES[FILM]))
    assert (await stored.ask("GET", FILM, Range="bytes=0-1,5-6")).status == 206
    assert (await stored.ask("GET", FILM, **{"If-None-Match": head.headers["ETag"]})).status == 304
    assert (await stored.ask("GET", "empty.txt")).status == 200
    assert not stored.public.seen
    url = await stored.located(FILM)
    assert (await stored.follow(url, "HEAD"))[0] == 403


async def test_a_url_holds_at_its_own_host_for_its_own_file_and_for_a_while(stored: Stored) -> None:
    url = await stored.located(FILM)
    other = await stored.located(PAGE)
    inside = URL(stored.door.upstream.jobs.settings.s3_endpoint)
    assert (await stored.follow(url, Host="storage.example.org"))[0] == 403
    assert (await stored.follow(url.with_host(inside.host or "").with_port(inside.port)))[0] == 403
    assert (await stored.follow(URL(str(url).replace(url.raw_path, other.raw_path), encoded=True)))[0] == 403
    assert (await stored.follow(URL(str(url).replace("video%2Fmp4", "text%2Fhtml"), encoded=True)))[0] == 403
    lives = parse_qs(urlsplit(str(url)).query)["X-Amz-Expires"]
    assert lives == ["60"]  # S3 holds to it: jobs/test_s3.py


async def test_nothing_that_a_client_says_of_hosts_moves_the_location(stored: Stored) -> None:
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    for headers in (forged, {**forged, "Forwarded": "host=evil.example"}):
        assert str((await stored.located(FILM, **headers)).origin()) == stored.public.url


async def test_nobody_else_is_sent_anywhere(stored: Stored) -> None:
    answer = await stored.door.call("GET", stored.urls[FILM], user=stored.stranger)
    assert (answer.status, answer.code) == (404, "file_not_found")
    assert (await stored.door.call("GET", stored.urls[FILM])).status == 401


async def test_the_client_of_the_command_line_follows_and_keeps_its_key_to_itself(stored: Stored) -> None:
    key = stored.user.headers["Authorization"].removeprefix("Bearer ")
    file_id = stored.urls[FILM].split("/")[3]
    async with Client(stored.door.url, key) as client:
        async with client.content(file_id) as answer:
            assert answer.request.url.host == "127.0.0.2"
            assert "authorization" not in answer.request.headers
            assert await answer.aread() == stored.contents[FILM]


async def test_without_the_setting_everything_goes_through_the_gateway(stored: Stored) -> None:
    stored.public.seen.clear()
    async with running(stored.door.upstream) as door:
        answer = await door.call("GET", stored.urls[FILM], user=stored.user, headers={"Range": "bytes=5-9"})
    assert (answer.status, answer.body) == (206, stored.contents[FILM][5:10])
    assert not stored.public.seen
