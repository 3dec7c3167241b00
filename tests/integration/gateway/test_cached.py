"""POST /v1/cache/check, by HTTP."""

from __future__ import annotations

import secrets
from typing import Any

from tests.integration.gateway.conftest import MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door, Reply, browsing, signed_in, with_scopes
from tests.integration.jobs.playing import Agent

CHECK = "/v1/cache/check"


async def check(door: Door, user: Caller, body: Any) -> Reply:
    return await door.call("POST", CHECK, user=user, json=body)


async def test_what_is_stored_and_what_is_not(
    door: Door, user: Caller, stranger: Caller, agent: Agent, sample: MakeSample
) -> None:
    torrent, private = await sample({"a.bin": 10, "b.bin": 20}), await sample({"c.bin": 30}, private=True)
    for each in (torrent, private):
        job = await submitted(door, user, each)
        await agent.run(await lease_of(agent, job), each)
    unknown = secrets.token_hex(20)
    asked = [unknown, torrent.info_hash.upper(), private.info_hash, torrent.info_hash]
    told = await check(door, user, {"info_hashes": asked})
    assert told.status == 200
    assert [(item["info_hash"], item["state"]) for item in told.json["items"]] == [
        (asked[0], "absent"),
        (asked[1], "stored"),
        (asked[2], "stored"),
        (asked[3], "stored"),
    ]
    assert told.json["items"][3] == {
        "info_hash": torrent.info_hash,
        "state": "stored",
        "total_bytes": 30,
        "stored_bytes": 30,
        "file_count": 2,
        "stored_files": 2,
    }
    others = (await check(door, stranger, {"info_hashes": asked})).json["items"]
    assert [item["state"] for item in others] == ["absent", "stored", "absent", "stored"]
    assert others[2] == {**others[0], "info_hash": private.info_hash}  # as one that nobody has


async def test_refusals_name_what_is_wrong(door: Door, user: Caller) -> None:
    good = secrets.token_hex(20)
    answer = await check(door, user, {"info_hashes": [good, "nonsense", good, "0" * 64]})
    assert (answer.status, answer.code) == (400, "bad_info_hashes")
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("info_hashes[1]", "info_hash_bad"),
        ("info_hashes[3]", "info_hash_zero"),
    ]
    for wrong in ([], [good] * 501, [good, 7], good, None):
        answer = await check(door, user, {"info_hashes": wrong})
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.json["errors"][0]["field"].startswith("info_hashes")
    assert (await check(door, user, {"info_hashes": [good] * 500})).status == 200


async def test_who_may_ask(door: Door, user: Caller) -> None:
    body = {"info_hashes": [secrets.token_hex(20)]}
    assert (await door.call("POST", CHECK, json=body)).status == 401
    reader = await with_scopes(door.upstream, user, "jobs:read")
    assert (await check(door, reader, body)).status == 200
    writer = await with_scopes(door.upstream, user, "jobs:write", "files:read")
    assert (await check(door, writer, body)).code == "scope_missing"
    person = await browsing(door, (await signed_in(door.upstream)).email)
    assert (await check(door, person, body)).status == 200
    cookie_only = {name: value for name, value in person.headers.items() if name.lower() != "x-csrf-token"}
    answer = await door.call("POST", CHECK, headers=cookie_only, json=body)
    assert (answer.status, answer.code) == (403, "csrf_token_missing")
