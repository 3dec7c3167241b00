"""Operators and what failed for good: by REST, and by the command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.conftest import MakeSample, lease_of, submitted
from tests.integration.gateway.running import Caller, Door
from tests.integration.jobs.playing import Agent

WHY: dict[str, Any] = {"reason": "the tracker is back", "ticket_id": "OPS-17"}
DLQ = "/v1/admin/dlq"


@pytest.fixture
def code() -> str:
    """A reason that no other test's transfers fail for."""
    return f"cause_{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def dead(door: Door, user: Caller, agent: Agent, sample: MakeSample, code: str) -> tuple[str, str]:
    """A transfer that failed, and the job that failed with it."""
    job_id = await submitted(door, user, await sample({"a": 10}))
    lease = await lease_of(agent, job_id)
    await agent.fail(lease, code, "Nobody came.")
    return lease.transfer_id, job_id


async def test_a_dead_letter_is_listed_shown_and_replayed(
    door: Door, operator: Caller, user: Caller, agent: Agent, dead: tuple[str, str], code: str
) -> None:
    transfer_id, job_id = dead
    (listed,) = (await door.call("GET", f"{DLQ}?reason_code={code}", user=operator)).json["items"]
    assert (listed["transfer_id"], listed["failed_jobs"]) == (transfer_id, 1)
    assert listed["reason"] == {"code": code, "message": "Nobody came."}
    shown = (await door.call("GET", f"{DLQ}/{transfer_id}", user=operator)).json
    assert shown["jobs"] == [{"job_id": job_id, "user_id": user.user_id}]
    (attempt,) = shown["attempts"]
    assert (attempt["agent_id"], attempt["outcome"], attempt["reason"]["code"]) == (agent.agent_id, "failed", code)

    replayed = await door.call("POST", f"{DLQ}/{transfer_id}/replay", user=operator, json=WHY)
    assert replayed.status == 200
    new = replayed.json["transfer_id"]
    assert replayed.json == {"replayed_jobs": 1, "refused_jobs": 0, "left_jobs": 0, "transfer_id": new}
    assert new not in (None, transfer_id)
    again = (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json
    assert (again["state"], again["run"], again["reason"]) == ("queued", 2, None)
    entry = (await door.call("GET", "/v1/admin/audit?action=dead_letter.replay&limit=1", user=operator)).json["items"][
        0
    ]
    assert (entry["target"], entry["reason"], entry["outcome"]) == (transfer_id, WHY["reason"], "done")
    assert (await door.call("GET", f"{DLQ}?reason_code={code}", user=operator)).json["items"] == []
    for method, path, body in (("GET", "", {}), ("POST", "/replay", {"json": WHY})):
        gone = await door.call(method, f"{DLQ}/{transfer_id}{path}", user=operator, **body)
        assert (gone.status, gone.code) == (404, "dead_letter_not_found")


async def test_support_looks_and_does_not_replay(door: Door, support: Caller, dead: tuple[str, str]) -> None:
    transfer_id, _ = dead
    assert (await door.call("GET", f"{DLQ}/{transfer_id}", user=support)).status == 200
    answer = await door.call("POST", f"{DLQ}/{transfer_id}/replay", user=support, json=WHY)
    assert (answer.status, answer.code) == (403, "scope_missing")


@pytest.mark.parametrize("body", [{}, {**WHY, "reason": " " * 20}, {**WHY, "ticket_id": ""}])
async def test_without_reason_and_ticket_nothing_is_replayed(
    door: Door, operator: Caller, user: Caller, dead: tuple[str, str], body: dict[str, str]
) -> None:
    transfer_id, job_id = dead
    assert (await door.call("POST", f"{DLQ}/{transfer_id}/replay", user=operator, json=body)).status == 400
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json["state"] == "failed"


async def test_ids_of_nothing_and_cursors_of_other_lists(door: Door, operator: Caller) -> None:
    for nothing in ("nothing", "%00", str(uuid.uuid4())):
        answer = await door.call("GET", f"{DLQ}/{nothing}", user=operator)
        assert (answer.status, answer.code) == (404, "dead_letter_not_found")
    assert (await door.call("GET", f"{DLQ}?cursor=forged", user=operator)).code == "bad_cursor"
    assert (await door.call("GET", f"{DLQ}?limit=201", user=operator)).code == "invalid_request"


async def test_the_command_lists_shows_and_replays(
    door: Door, operator: Caller, agent: Agent, dead: tuple[str, str], code: str, tmp_path: Path
) -> None:
    transfer_id, job_id = dead

    async def tseeder(*arguments: str) -> tuple[int, str]:
        """The exit status of the command, and what it printed."""
        key = operator.headers["Authorization"].removeprefix("Bearer ")
        named = {"TSEEDER_URL": door.url, "TSEEDER_API_KEY": key, "XDG_CONFIG_HOME": str(tmp_path), "COLUMNS": "300"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tseeder_cli", "admin", "dlq", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env={**{name: value for name, value in os.environ.items() if not name.startswith("TSEEDER_")}, **named},
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()

    status, said = await tseeder("--reason-code", code)
    assert status == 0, said
    assert transfer_id in said
    assert f"{code}: Nobody came." in said
    status, said = await tseeder("show", transfer_id)
    assert status == 0, said
    assert all(each in said for each in (job_id, agent.agent_id, "1 job failed with it"))
    status, said = await tseeder("show", transfer_id, "--json")
    assert json.loads(said)["jobs"][0]["job_id"] == job_id
    status, said = await tseeder("replay", transfer_id, "--reason", WHY["reason"], "--ticket", WHY["ticket_id"])
    assert (status, "1 job tried again, on transfer" in said) == (0, True), said
    status, said = await tseeder("replay", transfer_id, "--reason", WHY["reason"], "--ticket", WHY["ticket_id"])
    assert (status, "dead_letter_not_found" in said) == (4, True), said
    status, said = await tseeder("--reason-code", code)
    assert (status, "nothing has failed for good" in said) == (0, True), said
