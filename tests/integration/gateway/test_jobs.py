"""Jobs and files by REST, on a real jobs service."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import pytest

from tests.integration.gateway.conftest import MakeSample, lease_of, submitted, upload
from tests.integration.gateway.running import Caller, Door, Reply, signed_in, unique
from tests.integration.jobs.playing import Agent
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_testkit.torrents import FileSpec, TorrentSpec, write_torrent

NOBODY = "01a1f8b5-2825-728a-81b6-9320f137115c"


def magnet() -> str:
    return f"magnet:?xt=urn:btih:{uuid.uuid4().hex}{uuid.uuid4().hex[:8]}&dn=a%20film"


async def test_a_magnet(door: Door, user: Caller) -> None:
    answer = await door.call("POST", "/v1/jobs", user=user, json={"magnet": magnet(), "name": "my film"})
    assert answer.status == 202
    job = answer.json
    assert answer.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert (job["state"], job["name"], job["metadata_known"], job["reason"]) == ("queued", "my film", False, None)
    assert job["created_at"].endswith("Z")
    assert (await door.call("GET", answer.headers["Location"], user=user)).json["job_id"] == job["job_id"]


async def test_an_info_hash(door: Door, user: Caller) -> None:
    digest = uuid.uuid4().hex + uuid.uuid4().hex[:8]
    answer = await door.call("POST", "/v1/jobs", user=user, json={"info_hash": digest})
    assert answer.status == 202
    assert digest.encode() not in answer.body


async def test_an_upload_with_its_fields(door: Door, user: Caller, sample: MakeSample) -> None:
    torrent = await sample({"a.bin": 10, "b.bin": 20})
    body = upload(torrent.torrent.read_bytes(), name="mine", selection=json.dumps({"file_indexes": [1]}))
    answer = await door.call("POST", "/v1/jobs", user=user, data=body)
    assert answer.status == 202
    job = answer.json
    assert (job["name"], job["file_count"], job["wanted_files"], job["wanted_bytes"]) == ("mine", 2, 1, 20)
    files = await door.call("GET", f"/v1/jobs/{job['job_id']}/files", user=user)
    assert [(file["path"], file["selected"], file["state"]) for file in files.json["items"]] == [
        (["a.bin"], False, "pending"),
        (["b.bin"], True, "pending"),
    ]
    assert files.json["next_cursor"] is None


async def test_the_same_key_and_body_make_one_job(door: Door, user: Caller) -> None:
    headers = {"Idempotency-Key": unique()}
    body = {"magnet": magnet()}
    first = await door.call("POST", "/v1/jobs", user=user, json=body, headers=headers)
    again = await door.call("POST", "/v1/jobs", user=user, json=body, headers=headers)
    assert (first.status, again.status) == (202, 202)
    assert again.json["job_id"] == first.json["job_id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await door.call("POST", "/v1/jobs", user=user, json={"magnet": magnet()}, headers=headers)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("length", [1_000_000, 1 << 20])
async def test_a_magnet_of_a_megabyte_has_its_own_answer(door: Door, user: Caller, length: int) -> None:
    text = "magnet:?xt=urn:btih:" + "a1" * 20 + "&dn="
    body = json.dumps({"magnet": text + "x" * (length - len(text))}).encode()
    headers = {"Content-Type": "application/json"}
    answer = await door.call("POST", "/v1/jobs", user=user, data=io.BytesIO(body), headers=headers)
    assert answer.status in (400, 413)
    assert answer.code.startswith("magnet_")


async def test_what_jobs_refuses_is_said_as_jobs_says_it(door: Door, user: Caller) -> None:
    for body, status in (({"magnet": "http://example.org"}, 400), ({"magnet": "magnet:?dn=x"}, 400)):
        answer = await door.call("POST", "/v1/jobs", user=user, json=body)
        assert answer.status == status
        assert answer.code.startswith("magnet_")
    answer = await door.call("POST", "/v1/jobs", user=user, data=upload(b"<html>"))
    assert answer.status == 400
    assert answer.code.startswith("torrent_")


async def test_lists_go_page_by_page(door: Door) -> None:
    person = await signed_in(door.upstream)
    made = [
        (await door.call("POST", "/v1/jobs", user=person, json={"magnet": magnet(), "name": f"job {n}"})).json["job_id"]
        for n in range(5)
    ]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await door.call("GET", f"/v1/jobs?limit=2&cursor={cursor}", user=person)).json
        seen += [job["job_id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    found = await door.call("GET", "/v1/jobs?text=job%203", user=person)
    assert [job["name"] for job in found.json["items"]] == ["job 3"]
    await door.call("POST", f"/v1/jobs/{made[0]}/cancel", user=person)
    ended = await door.call("GET", "/v1/jobs?state=cancelled&state=failed", user=person)
    assert [job["job_id"] for job in ended.json["items"]] == [made[0]]
    usage = await door.call("GET", "/v1/usage", user=person)
    assert usage.json["live_jobs"] == 4


async def test_steering_a_job(door: Door, user: Caller, sample: MakeSample) -> None:
    job = f"/v1/jobs/{await submitted(door, user, await sample({'a.bin': 10, 'b.bin': 20}))}"

    async def state(verb: str) -> str:
        answer = await door.call("POST", f"{job}/{verb}", user=user)
        return str(answer.json["state"]) if answer.status == 200 else answer.code

    assert await state("pause") == "paused"
    assert await state("resume") == "queued"
    chosen = await door.call("PUT", f"{job}/selection", user=user, json={"file_indexes": [0]})
    assert (chosen.status, chosen.json["wanted_bytes"]) == (200, 10)
    everything = await door.call("PUT", f"{job}/selection", user=user, json={"file_indexes": None})
    assert everything.json["wanted_bytes"] == 30
    assert (await door.call("PUT", f"{job}/selection", user=user, json={})).code == "invalid_request"
    assert await state("cancel") == "cancelled"
    assert await state("cancel") == "cancelled"
    assert await state("retry") == "queued"
    assert (await door.call("DELETE", job, user=user)).status == 204
    assert (await door.call("GET", job, user=user)).code == "job_not_found"


async def test_the_priority_of_a_job(door: Door, user: Caller, sample: MakeSample) -> None:
    async def submitted_with(**fields: Any) -> Reply:
        return await door.call("POST", "/v1/jobs", user=user, json={"info_hash": "ab" * 20, **fields})

    made = await submitted_with(priority="high")
    assert (made.status, made.json["priority"]) == (202, "high")
    assert (await submitted_with()).json["priority"] == "normal"
    assert (await submitted_with(priority="urgent")).code == "invalid_request"
    path = f"/v1/jobs/{made.json['job_id']}"

    async def patched(body: object) -> Reply:
        return await door.call("PATCH", path, user=user, json=body)

    assert (await patched({"priority": "low"})).json["priority"] == "low"
    assert (await patched({"name": "x"})).json["priority"] == "low"
    assert (await patched({"priority": None})).json["priority"] == "normal"
    before = (await door.call("GET", path, user=user)).json
    for wrong in ({"priority": "urgent"}, {"priority": 1}, {"own_priority": 1}, {"priority": "low", "user_id": "x"}):
        assert (await patched(wrong)).code == "invalid_request"
    assert (await door.call("GET", path, user=user)).json == before

    for text, seen in (("high", (202, "high")), ("urgent", (400, None))):
        form = upload((await sample({"a.bin": 10})).torrent.read_bytes(), priority=text)
        answer = await door.call("POST", "/v1/jobs", user=user, data=form)
        assert (answer.status, answer.json.get("priority")) == seen


async def test_renaming_a_job(door: Door, user: Caller, sample: MakeSample) -> None:
    torrent = await sample({"a.bin": 10})
    job_id = await submitted(door, user, torrent)

    async def patched(body: object) -> Reply:
        return await door.call("PATCH", f"/v1/jobs/{job_id}", user=user, json=body)

    renamed = await patched({"name": " Caf\u0065\u0301 "})
    assert (renamed.status, renamed.json["name"]) == (200, "Caf\u00e9")
    assert (await patched({})).json == renamed.json
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json == renamed.json
    for empty in (None, ""):
        await patched({"name": "x"})
        assert (await patched({"name": empty})).json["name"] == torrent.name
    for body, code in [
        ({"name": "a" * 256}, "bad_name"),
        ({"name": "a\u202eb"}, "bad_name"),
        ({"name": 1}, "invalid_request"),
        ({"name": "x", "state": "completed"}, "invalid_request"),
        ([], "invalid_request"),
    ]:
        answer = await patched(body)
        assert (answer.status, answer.code) == (400, code), body
    assert (await patched({"name": "a\u202eb"})).json["errors"][0]["field"] == "name"
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json["name"] == torrent.name


async def test_files_of_a_completed_job(door: Door, agent: Agent, sample: MakeSample) -> None:
    person = await signed_in(door.upstream)
    torrent = await sample({"folder/ä.mp4": 1000, "b.bin": 20})
    job_id = await submitted(door, person, torrent)
    await agent.run(await lease_of(agent, job_id), torrent)
    listed = (await door.call("GET", "/v1/files", user=person)).json["items"]
    assert sorted("/".join(file["path"]) for file in listed) == ["b.bin", "folder/ä.mp4"]
    film = next(file for file in listed if file["size_bytes"] == 1000)
    assert (film["job_id"], film["state"], film["media_type"]) == (job_id, "stored", "video/mp4")
    assert isinstance(film["crc32"], int)
    assert (await door.call("GET", f"/v1/files/{film['file_id']}", user=person)).json == film
    assert (await door.call("GET", "/v1/usage", user=person)).json["charged_bytes"] == 1020
    assert (await door.call("DELETE", f"/v1/files/{film['file_id']}", user=person)).status == 204
    assert (await door.call("GET", "/v1/usage", user=person)).json["charged_bytes"] == 20
    found = await door.call("GET", f"/v1/jobs/{job_id}/files?text=b.bin&limit=1", user=person)
    assert [file["path"] for file in found.json["items"]] == [["b.bin"]]


ROUTES = [
    ("GET", "/v1/jobs/{job}", None),
    ("DELETE", "/v1/jobs/{job}", None),
    ("POST", "/v1/jobs/{job}/cancel", None),
    ("POST", "/v1/jobs/{job}/pause", None),
    ("POST", "/v1/jobs/{job}/resume", None),
    ("POST", "/v1/jobs/{job}/retry", None),
    ("PUT", "/v1/jobs/{job}/selection", {"file_indexes": None}),
    ("PATCH", "/v1/jobs/{job}", {"name": "mine"}),
    ("GET", "/v1/jobs/{job}/events", None),
    ("GET", "/v1/jobs/{job}/files", None),
    ("GET", "/v1/files/{file}", None),
    ("DELETE", "/v1/files/{file}", None),
    ("GET", "/v1/files/{file}/content", None),
    ("HEAD", "/v1/files/{file}/content", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_another_tenant_s_id_is_as_an_id_of_nobody(
    door: Door, user: Caller, stranger: Caller, theirs: tuple[str, str], method: str, path: str, body: object
) -> None:
    job_id, file_id = theirs
    answers = [
        await door.call(method, path.format(job=job, file=file), user=stranger, json=body)
        for job, file in ((job_id, file_id), (NOBODY, NOBODY))
    ]
    for answer in answers:
        assert answer.status == 404
        if method != "HEAD":
            assert answer.code in ("job_not_found", "file_not_found")
    assert answers[0].body[:60] == answers[1].body[:60]
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).status == 200
    assert (await door.call("GET", f"/v1/files/{file_id}", user=user)).json["state"] == "pending"


@pytest.fixture(scope="session")
async def theirs(door: Door, user: Caller, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A job of `user` and one of its files."""
    spec = TorrentSpec((FileSpec("x.bin", 100),), name="theirs", seed=4711)
    torrent = write_torrent(tmp_path_factory.mktemp("theirs"), spec)
    job_id = await submitted(door, user, torrent)
    files = await door.call("GET", f"/v1/jobs/{job_id}/files", user=user)
    return job_id, str(files.json["items"][0]["file_id"])


async def test_the_other_s_list_is_empty(door: Door, stranger: Caller, theirs: tuple[str, str]) -> None:
    assert theirs
    assert (await door.call("GET", "/v1/jobs", user=stranger)).json == {"items": [], "next_cursor": None}
    assert (await door.call("GET", "/v1/files", user=stranger)).json == {"items": [], "next_cursor": None}


async def test_plans(door: Door, user: Caller) -> None:
    plans = (await door.call("GET", "/v1/plans", user=user)).json["items"]
    assert [plan["plan_id"] for plan in plans if plan["is_default"]] == ["free"]
    assert set(plans[0]["entitlements"]) >= {"live_jobs", "storage_bytes", "streams"}


async def test_a_diagnosis(door: Door, user: Caller, agent: Agent, sample: MakeSample) -> None:
    url = "http://127.0.0.1:1/announce/a-passkey"
    torrent = await sample({"a": 10})
    body = upload(torrent.torrent_bytes(trackers=[url]))
    job = (await door.call("POST", "/v1/jobs", user=user, data=body)).json["job_id"]
    path = f"/v1/jobs/{job}/diagnosis"
    lease = await lease_of(agent, job)
    tracker = model.TrackerEvidence(url=url, state=model.TRACKER_STATE_REFUSES, message="not registered", fails=2)
    evidence = model.SwarmEvidence(quiet_seconds=61.5, trackers=[tracker])
    refuse = model.Reason(code="trackers_refuse", message="The trackers refuse this torrent.")
    await agent.report(lease, model.TRANSFER_STATE_DOWNLOADING, refuse, evidence)
    found = (await door.call("GET", path, user=user)).json
    assert (found["verdict"], found["state"], found["queue"]) == ("trackers_refuse", "downloading", None)
    assert found["swarm"]["trackers"] == [
        {"url": url, "state": "refuses", "message": "not registered", "fails": 2},
    ]
    assert found["swarm_seen_at"].endswith("Z")
    (attempt,) = found["attempts"]
    assert (attempt["outcome"], attempt["ended_at"], "agent_id" in attempt) == (None, None, False)
    await door.call("POST", f"/v1/jobs/{job}/cancel", user=user)
    found = (await door.call("GET", path, user=user)).json
    assert (found["verdict"], found["swarm"]) == ("cancelled", None)
    assert (await door.call("GET", path, user=await signed_in(door.upstream))).code == "job_not_found"
    assert (await door.call("GET", f"/v1/jobs/{NOBODY}/diagnosis", user=user)).code == "job_not_found"
