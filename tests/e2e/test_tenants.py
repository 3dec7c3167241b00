"""Another user's job, files, events and bytes: 404, as if they were not there."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.e2e.fixtures import MakeSample
from tests.e2e.people import Person
from tests.e2e.seeding import Swarm
from tests.e2e.world import World
from tseeder_pg import open_pool

JOB_CALLS = [
    ("GET", "/v1/jobs/{job}", None),
    ("DELETE", "/v1/jobs/{job}", None),
    ("GET", "/v1/jobs/{job}/diagnosis", None),
    ("GET", "/v1/jobs/{job}/files", None),
    ("GET", "/v1/jobs/{job}/files?view=folder", None),
    ("GET", "/v1/jobs/{job}/files?view=folder&folder=nowhere", None),
    ("GET", "/v1/jobs/{job}/archive.zip", None),
    ("GET", "/v1/jobs/{job}/playlist.m3u8", None),
    ("HEAD", "/v1/jobs/{job}/archive.zip", None),
    ("GET", "/v1/jobs/{job}/events", None),
    ("POST", "/v1/jobs/{job}/cancel", None),
    ("POST", "/v1/jobs/{job}/pause", None),
    ("POST", "/v1/jobs/{job}/resume", None),
    ("POST", "/v1/jobs/{job}/retry", None),
    ("PUT", "/v1/jobs/{job}/selection", {"file_indexes": [0]}),
    ("PATCH", "/v1/jobs/{job}", {"name": "mine"}),
    ("PATCH", "/v1/jobs/{job}", {"primary_file_id": None}),
]
FILE_CALLS: list[tuple[str, str, dict[str, object] | None]] = [
    ("GET", "/v1/files/{file}", None),
    ("GET", "/v1/files/{file}/content", None),
    ("HEAD", "/v1/files/{file}/content", None),
    ("GET", "/v1/files/{file}/subtitles.vtt", None),
    ("POST", "/v1/files/{file}/links", {}),
    ("GET", "/v1/files/{file}/links", None),
    ("DELETE", "/v1/files/{file}", None),
]
NOBODYS = "01890000-0000-7000-8000-000000000000"


async def test_what_another_user_has(ann: Person, ben: Person, swarm: Swarm, sample: MakeSample) -> None:
    """Ben gets of Ann's ids what he gets of ids that never were; Ann's job is as it was."""
    made = await sample(1000, 2000)
    await swarm.seed(made)
    job = await ann.completed(await ann.submit(swarm.torrent(made)))
    file = next(iter((await ann.files(job)).values()))
    async with ben.http() as http:
        for method, path, body in JOB_CALLS + FILE_CALLS:
            theirs = await http.request(method, path.format(job=job["job_id"], file=file["file_id"]), json=body)
            nobodys = await http.request(method, path.format(job=NOBODYS, file=NOBODYS), json=body)
            assert theirs.status_code == nobodys.status_code == 404, (method, path)
            if method != "HEAD":
                assert theirs.json()["code"] == nobodys.json()["code"]
                assert theirs.json()["detail"] == nobodys.json()["detail"]
    assert (await ben.client.jobs())["items"] == []
    assert (await ben.client.files())["items"] == []
    assert await ann.client.job(job["job_id"]) == job
    await ann.has(job, made)


async def test_what_an_account_has(ann: Person, ben: Person) -> None:
    """Ben can neither see nor end Ann's sessions."""
    async with ann.http() as http:
        sessions = (await http.get("/v1/me/sessions")).json()["items"]
    async with ben.http() as http:
        listed = (await http.get("/v1/me/sessions")).json()["items"]
        for session_id in [*(each["session_id"] for each in sessions), NOBODYS]:
            refused = await http.delete(f"/v1/me/sessions/{session_id}")
            assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")
    assert not {each["session_id"] for each in listed} & {each["session_id"] for each in sessions}


async def test_the_same_public_torrent_gives_no_way_to_the_other_users_files(
    ann: Person, ben: Person, swarm: Swarm, sample: MakeSample
) -> None:
    """They share the objects; ids, names and files stay each user's own."""
    made = await sample(1000)
    await swarm.seed(made)
    first = await ann.completed(await ann.submit(swarm.torrent(made), name="Ann's own name"))
    second = await ben.completed(await ben.submit(swarm.torrent(made)))
    assert second["name"] == made.name
    hers, his = await ann.files(first), await ben.files(second)
    assert {file["file_id"] for file in hers.values()}.isdisjoint(file["file_id"] for file in his.values())
    async with ben.http() as http:
        for file in hers.values():
            assert (await http.get(f"/v1/files/{file['file_id']}/content")).status_code == 404


@pytest.mark.parametrize("credential", ["", "Bearer nothing", "Bearer tsk_abcdefgh_x_y"])
async def test_without_a_good_key(ann: Person, swarm: Swarm, sample: MakeSample, credential: str) -> None:
    made = await sample(1000)
    job = await ann.submit(swarm.torrent(made))
    headers = {"Authorization": credential}
    async with ann.http() as http:
        for method, path, body in JOB_CALLS:
            answer = await http.request(method, path.format(job=job["job_id"]), json=body, headers=headers)
            assert answer.status_code == 401, (method, path)


async def test_what_signs_in_to_another_users_account(world: World, ann: Person, ben: Person) -> None:
    """Ben can neither see nor take away what is linked to Ann's account."""
    dsn = world.stack.parts.database_urls["auth"]
    async with open_pool(dsn, min_size=0, max_size=1, application_name="e2e") as pool:
        await pool.execute(
            "INSERT INTO oidc_identities (provider, subject, user_id, email) VALUES ('example', 'ann', $1, $2)",
            UUID(ann.user_id),
            ann.email,
        )
    async with ben.http() as http:
        assert (await http.get("/v1/me/identities")).json()["items"] == []
        for subject in ("ann", "nobody"):
            refused = await http.delete(f"/v1/me/identities/example/{subject}")
            assert (refused.status_code, refused.json()["code"]) == (404, "identity_not_found")
    async with ann.http() as http:
        assert [each["subject"] for each in (await http.get("/v1/me/identities")).json()["items"]] == ["ann"]
        assert (await http.delete("/v1/me/identities/example/ann")).status_code == 204
