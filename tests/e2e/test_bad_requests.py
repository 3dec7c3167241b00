"""Every bad request, by REST: its own problem; it changes nothing in the services' tables, in S3, or for Ann."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest

from tests.e2e.bad_ranges import BAD_RANGES, FILES, NAMES, Asked
from tests.e2e.bad_requests import BAD_AUTH, BAD_REST, Bad, Stage
from tests.e2e.people import Person
from tests.e2e.seeding import make_sample, swarming
from tests.e2e.unchanged import differences, everything, swept
from tests.e2e.waiting import wait_for
from tests.e2e.world import PASSWORD, World
from tseeder_cli.client import Client
from tseeder_pg import Pool, open_pool, transaction
from tseeder_testkit import raw_torrents as raw
from tseeder_testkit.libtorrent_view import view
from tseeder_testkit.torrents import FileSpec, Sample

OTHERS: Final = ("auth", "admin", "billing")
AT_ONCE: Final = 50


@pytest.fixture(scope="module")
async def pools(package_world: World) -> AsyncIterator[Mapping[str, Pool]]:
    """The databases of the services beside jobs."""
    urls = package_world.stack.parts.database_urls
    async with AsyncExitStack() as opened:
        yield {
            name: await opened.enter_async_context(
                open_pool(urls[name], min_size=0, max_size=2, application_name="e2e")
            )
            for name in OTHERS
        }


@pytest.fixture(scope="module")
async def stage(
    package_world: World, pools: Mapping[str, Pool], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Ann's completed job, and credentials of every kind; set up once, since nothing may change it."""
    world = package_world
    key = str(uuid4())
    async with AsyncExitStack() as opened:
        ann, ben, admin = [await opened.enter_async_context(who.http()) for who in (world.ann, world.ben, world.admin)]
        url = world.admin.client.url
        nobody = await opened.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
        job, files, contents = await _completed(world.ann, key, tmp_path_factory.mktemp("bad-requests"))
        agents = (await admin.get("/v1/admin/agents")).json()["items"]
        ended = await _signed_in(world, world.ann.email)
        await nobody.post("/v1/auth/logout", headers=ended)
        suspended, suspended_key = await _suspended(world, pools["auth"])
        yield Stage(
            ann=ann,
            ben=ben,
            admin=admin,
            nobody=nobody,
            ann_email=world.ann.email,
            job=job,
            files=files,
            contents=contents,
            key=key,
            agent=agents[0]["agent_id"],
            session=await _signed_in(world, world.ann.email),
            ended=ended,
            suspended=suspended,
            suspended_key=suspended_key,
            narrow=await _key(world, world.ann.email, "me:write", "jobs:read"),
        )
    await world.cleared()


async def _completed(ann: Person, key: str, folder: Path) -> tuple[str, dict[str, str], dict[str, bytes]]:
    """The id of a job whose files are stored, their ids and contents by path."""
    sample = await make_sample(folder, [FileSpec(path, size) for path, size in FILES.items()])
    async with swarming() as swarm:
        await swarm.seed(sample, root=await asyncio.to_thread(_as_libtorrent_names, sample))
        job = await ann.completed(await ann.submit(swarm.torrent(sample), key=key))
    files = await ann.files(job)
    contents = {file.path: await asyncio.to_thread(sample.path_of(file).read_bytes) for file in sample.files}
    return job["job_id"], {path: file["file_id"] for path, file in files.items()}, contents


def _as_libtorrent_names(sample: Sample) -> Path:
    """A copy of the files under the names that libtorrent reads: without line ends and marks of direction."""
    by_size = {file.size: sample.path_of(file) for file in sample.files}
    root = sample.root / "as libtorrent names them"
    for path, _, size in view(sample.torrent.read_bytes()).places:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(by_size[size], root / path)
    return root


async def _signed_in(world: World, email: str) -> dict[str, str]:
    """Headers of a new session."""
    async with httpx.AsyncClient(base_url=world.admin.client.url, trust_env=False) as http:
        answer = await http.post("/v1/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return {"Cookie": f"tseeder={answer.cookies['tseeder']}", "X-CSRF-Token": answer.json()["csrf_token"]}


async def _key(world: World, email: str, *scopes: str) -> dict[str, str]:
    """Headers of a new API key."""
    async with Client(world.admin.client.url) as session:
        await session.log_in(email, PASSWORD)
        made = await session.create_api_key(f"bad {uuid4().hex[:6]}", scopes)
    return {"Authorization": f"Bearer {made['secret']}"}


async def _suspended(world: World, auth: Pool) -> tuple[dict[str, str], dict[str, str]]:
    """Session and key of somebody who was suspended since. No route suspends yet."""
    email = f"suspended-{secrets.token_hex(3)}@example.org"
    user = await world.admin.client.create_user(email, PASSWORD, "user")
    session, key = await _signed_in(world, email), await _key(world, email)
    async with transaction(auth) as tx:
        sql = "UPDATE auth.users SET suspended_at = clock_timestamp() WHERE user_id = $1"
        await tx.execute(sql, UUID(user["user_id"]))
    return session, key


@pytest.fixture
async def unchanged(stage: Stage, package_world: World, pools: Mapping[str, Pool]) -> AsyncIterator[None]:
    """Ann's jobs and usage, S3, and the rows of all services are afterwards what they were before."""
    await swept(package_world)
    before = await everything(package_world, pools)
    yield
    assert differences(before, await everything(package_world, pools)) == {}


@pytest.mark.parametrize("bad", BAD_REST.values(), ids=BAD_REST)
@pytest.mark.usefixtures("unchanged")
async def test_a_bad_request(stage: Stage, bad: Bad) -> None:
    _is_problem(await bad.send(stage), bad.status, bad.code)


@pytest.mark.parametrize("bad", BAD_AUTH.values(), ids=BAD_AUTH)
@pytest.mark.usefixtures("unchanged")
async def test_a_bad_credential(stage: Stage, bad: Bad) -> None:
    answer = await bad.send(stage)
    _is_problem(answer, bad.status, bad.code)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.usefixtures("unchanged")
async def test_enumeration_by_answer(stage: Stage) -> None:
    """Who has an account is not told by the answer; auth's own tests prove that both cost one hash."""
    told = []
    for email in (stage.ann_email, f"nobody-{secrets.token_hex(3)}@example.org"):
        answer = await stage.nobody.post("/v1/auth/login", json={"email": email, "password": "not the password"})
        problem = {name: value for name, value in answer.json().items() if name != "request_id"}
        told.append((answer.status_code, problem, sorted(answer.headers)))
    assert told[0] == told[1]
    assert (told[0][0], told[0][1]["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize("asked", BAD_RANGES.values(), ids=BAD_RANGES)
async def test_a_range(stage: Stage, asked: Asked) -> None:
    url = f"/v1/files/{stage.files[asked.path]}/content"
    answer = await stage.ann.request(asked.method, url, headers=dict(asked.headers))
    assert answer.status_code == asked.status
    size = FILES[asked.path]
    if asked.status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{size}"
    if asked.code:
        _is_problem(answer, asked.status, asked.code)
        return
    start, stop = asked.body
    assert answer.content == (b"" if asked.method == "HEAD" else stage.contents[asked.path][start:stop])
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers.get("Content-Range") == (f"bytes {start}-{stop - 1}/{size}" if asked.status == 206 else None)


@pytest.mark.parametrize(("path", "disposition"), NAMES.values(), ids=NAMES)
async def test_a_name(stage: Stage, path: str, disposition: str) -> None:
    """Nothing that a browser would run is shown in place, and no name becomes a header."""
    for method in ("GET", "HEAD"):
        answer = await stage.ann.request(method, f"/v1/files/{stage.files[path]}/content")
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == disposition
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert "Set-Cookie" not in answer.headers
        if disposition.startswith("attachment"):
            assert answer.headers["Content-Type"] == "application/octet-stream"
        if method == "GET":
            assert answer.content == stage.contents[path]


@pytest.mark.parametrize(
    ("limits", "accepted", "code"),
    [
        ({"storage_bytes": 10_000}, 10, "storage_quota_exceeded"),
        ({"live_jobs": 7}, 7, "live_jobs_limit"),
    ],
    ids=["storage", "live jobs"],
)
async def test_fifty_parallel_submits_at_the_edge_of_a_quota(
    package_world: World, pools: Mapping[str, Pool], limits: dict[str, int], accepted: int, code: str
) -> None:
    """As many as fit are taken, to the byte and to the job; the others are told why."""
    world = package_world
    email = f"edge-{secrets.token_hex(3)}@example.org"
    user = await world.admin.client.create_user(email, PASSWORD, "user")
    await _on_plan(pools["billing"], UUID(user["user_id"]), **limits)
    headers = await _key(world, email)
    torrents = [raw.torrent(raw.v1_single(f"{email} {number}", 1000)) for number in range(AT_ONCE)]
    async with httpx.AsyncClient(base_url=world.admin.client.url, headers=headers, trust_env=False, timeout=30) as http:
        answers = await asyncio.gather(*(http.post("/v1/jobs", files={"torrent": ("a", each)}) for each in torrents))
        taken = [answer.json()["job_id"] for answer in answers if answer.status_code == 202]
        assert len(set(taken)) == accepted
        for answer in answers:
            if answer.status_code != 202:
                _is_problem(answer, 403, code)
        usage = (await http.get("/v1/usage")).json()
        assert (usage["reserved_bytes"], usage["live_jobs"]) == (accepted * 1000, accepted)
        listed = (await http.get("/v1/jobs?limit=200")).json()["items"]
        assert {job["job_id"] for job in listed} == set(taken)
        for job_id in taken:
            assert (await http.delete(f"/v1/jobs/{job_id}")).status_code == 204
        usage = (await http.get("/v1/usage")).json()
        assert (usage["reserved_bytes"], usage["charged_bytes"], usage["live_jobs"]) == (0, 0, 0)
    await wait_for(lambda: _nothing_of(world, user["user_id"]), "nothing of them is left")


async def _on_plan(billing: Pool, user_id: UUID, **limits: int) -> None:
    """A plan of the user's own, before jobs has asked for it."""
    fields = {"live_jobs": 1000, "storage_bytes": 1 << 40, **limits}
    plan_id = f"p{uuid4().hex[:12]}"
    async with transaction(billing) as tx:
        await tx.execute(
            """INSERT INTO billing.plans (plan_id, name, place, live_jobs, running_transfers, storage_bytes,
                                          bandwidth_bytes_per_month, retention_days, priority, streams)
               VALUES ($1, $1, 9, $2, 4, $3, 0, 0, 0, 1)""",
            plan_id,
            fields["live_jobs"],
            fields["storage_bytes"],
        )
        await tx.execute("INSERT INTO billing.user_plans (user_id, plan_id) VALUES ($1, $2)", user_id, plan_id)


async def _nothing_of(world: World, user_id: str) -> bool:
    return await world.count("SELECT count(*) FROM jobs WHERE user_id = $1", UUID(user_id)) == 0


def _is_problem(answer: httpx.Response, status: int, code: str) -> None:
    """A whole problem, with this code."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
