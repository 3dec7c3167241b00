"""Operators' routes, on a real admin service."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.auth.running import PASSWORD, unique_email
from tests.integration.gateway.conftest import MakeSample, submitted
from tests.integration.gateway.running import Caller, Door
from tests.integration.jobs.playing import Agent

WHY: dict[str, Any] = {"reason": "the disk makes noises", "ticket_id": "OPS-17"}


async def newest(door: Door, operator: Caller, action: str) -> dict[str, Any]:
    entries = (await door.call("GET", f"/v1/admin/audit?action={action}&limit=1", user=operator)).json["items"]
    return dict(entries[0])


async def test_a_user_is_made_listed_and_audited(door: Door, operator: Caller) -> None:
    email = unique_email()
    made = await door.call("POST", "/v1/admin/users", user=operator, json={"email": email, "password": PASSWORD})
    assert made.status == 201
    assert (made.json["email"], made.json["role"], made.json["suspended"]) == (email, "user", False)
    listed = await door.call("GET", f"/v1/admin/users?text={email}", user=operator)
    assert [user["user_id"] for user in listed.json["items"]] == [made.json["user_id"]]
    entry = await newest(door, operator, "user.create")
    assert (entry["actor_user_id"], entry["actor_role"], entry["outcome"]) == (operator.user_id, "admin", "done")
    assert PASSWORD not in str(entry)
    signed = await door.call("POST", "/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert signed.status == 200
    twice = await door.call("POST", "/v1/admin/users", user=operator, json={"email": email, "password": PASSWORD})
    assert twice.status == 409


async def test_nobody_is_raised_above_the_operator(door: Door, operator: Caller) -> None:
    body = {"email": unique_email(), "password": PASSWORD, "role": "superadmin"}
    assert (await door.call("POST", "/v1/admin/users", user=operator, json=body)).status == 403
    body["role"] = "root"
    assert (await door.call("POST", "/v1/admin/users", user=operator, json=body)).code == "invalid_request"


async def test_agents_are_listed_and_cordoned(door: Door, operator: Caller, agent: Agent) -> None:
    listed = (await door.call("GET", "/v1/admin/agents", user=operator)).json
    assert agent.agent_id in [each["agent_id"] for each in listed["items"]]
    path = f"/v1/admin/agents/{agent.agent_id}"
    cordoned = await door.call("POST", f"{path}/cordon", user=operator, json=WHY)
    assert (cordoned.status, cordoned.json["cordoned"]) == (200, True)
    entry = await newest(door, operator, "agent.cordon")
    assert (entry["target"], entry["reason"], entry["ticket_id"]) == (agent.agent_id, WHY["reason"], WHY["ticket_id"])
    back = await door.call("POST", f"{path}/uncordon", user=operator, json=WHY)
    assert (back.status, back.json["cordoned"]) == (200, False)


async def test_an_agent_is_drained_until_that_is_taken_back(door: Door, operator: Caller, agent: Agent) -> None:
    path = f"/v1/admin/agents/{agent.agent_id}"
    drained = await door.call("POST", f"{path}/drain", user=operator, json=WHY)
    assert (drained.status, drained.json["drain_ordered"], drained.json["cordoned"]) == (200, True, False)
    entry = await newest(door, operator, "agent.drain")
    assert (entry["target"], entry["reason"], entry["ticket_id"]) == (agent.agent_id, WHY["reason"], WHY["ticket_id"])
    assert (await agent.beat()).drain
    free = await door.call("POST", f"{path}/uncordon", user=operator, json=WHY)
    assert (free.status, free.json["drain_ordered"]) == (200, True)
    back = await door.call("POST", f"{path}/undrain", user=operator, json=WHY)
    assert (back.status, back.json["drain_ordered"]) == (200, False)
    assert not (await agent.beat()).drain
    assert (await newest(door, operator, "agent.undrain"))["outcome"] == "done"


@pytest.mark.parametrize(
    "body", [{}, {"reason": WHY["reason"]}, {"ticket_id": "x"}, {**WHY, "reason": " " * 20}, {**WHY, "ticket_id": ""}]
)
async def test_without_reason_and_ticket_nothing_happens(
    door: Door, operator: Caller, agent: Agent, body: dict[str, str]
) -> None:
    for verb in ("cordon", "drain", "undrain"):
        answer = await door.call("POST", f"/v1/admin/agents/{agent.agent_id}/{verb}", user=operator, json=body)
        assert answer.status == 400
        assert answer.code
    listed = (await door.call("GET", "/v1/admin/agents", user=operator)).json["items"]
    seen = next(each for each in listed if each["agent_id"] == agent.agent_id)
    assert not seen["cordoned"]
    assert not seen["drain_ordered"]


async def test_anybody_s_job_is_ended(door: Door, operator: Caller, user: Caller, sample: MakeSample) -> None:
    job_id = await submitted(door, user, await sample({"a": 10}))
    ended = await door.call("POST", f"/v1/admin/jobs/{job_id}/terminate", user=operator, json=WHY)
    assert ended.status == 200
    assert (await door.call("GET", f"/v1/jobs/{job_id}", user=user)).json["state"] in ("cancelled", "failed")


async def test_support_looks_and_does_not_touch(door: Door, support: Caller, agent: Agent) -> None:
    assert (await door.call("GET", "/v1/admin/agents", user=support)).status == 200
    for verb in ("cordon", "drain", "undrain"):
        answer = await door.call("POST", f"/v1/admin/agents/{agent.agent_id}/{verb}", user=support, json=WHY)
        assert (answer.status, answer.code) == (403, "scope_missing")


async def test_an_agent_of_no_name(door: Door, operator: Caller) -> None:
    for agent_id in ("nobody", "UPPER", "a.b", "%00"):
        for verb in ("cordon", "drain"):
            answer = await door.call("POST", f"/v1/admin/agents/{agent_id}/{verb}", user=operator, json=WHY)
            assert (answer.status, answer.code) == (404, "agent_not_found")
