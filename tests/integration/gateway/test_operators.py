"""Operators' routes, on a real admin service."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.auth.running import PASSWORD, unique_email
from tests.integration.gateway.conftest import MakeSample, submitted
from tests.integration.gateway.running import Caller, Door, signed_in
from tests.integration.jobs.playing import Agent
from tseeder.auth.v1 import auth_pb2

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


async def test_an_account_is_looked_at_changed_and_audited(door: Door, operator: Caller, support: Caller) -> None:
    root = await signed_in(door.upstream, auth_pb2.ROLE_SUPERADMIN)
    user = await door.upstream.auth.new_user()
    account = f"/v1/admin/users/{user.user_id}"
    assert (await door.call("GET", account, user=support)).json["email"] == user.email
    for path in ("/v1/admin/users/nobody", f"/v1/admin/users/{uuid.uuid4()}"):
        assert (await door.call("GET", path, user=support)).code == "user_not_found"
    role = {**WHY, "role": "support"}
    assert (await door.call("POST", f"{account}/role", user=operator, json=role)).code == "role_too_low"
    assert (await door.call("POST", f"{account}/role", user=root, json={"role": "support"})).code == "invalid_request"
    changed = await door.call("POST", f"{account}/role", user=root, json=role)
    assert (changed.status, changed.json["role"]) == (200, "support")
    entry = await newest(door, operator, "user.set_role")
    assert (entry["actor_user_id"], entry["target"], entry["target_email"]) == (root.user_id, user.user_id, user.email)
    assert entry["details"] == {"role": "support"}
    short = {"reason": "because", "ticket_id": "T-1"}
    assert (await door.call("POST", f"{account}/suspend", user=operator, json=short)).code == "reason_required"
    own = f"/v1/admin/users/{operator.user_id}/suspend"
    assert (await door.call("POST", own, user=operator, json=WHY)).code == "own_account"
    above = f"/v1/admin/users/{root.user_id}"
    assert (await door.call("POST", f"{above}/suspend", user=operator, json=WHY)).code == "role_too_high"
    assert (await newest(door, operator, "user.suspend"))["outcome"] == "refused"
    for verb, action in (("suspend", "user.suspend"), ("reinstate", "user.reinstate"), ("force-logout", "user.logout")):
        assert (await door.call("POST", f"{account}/{verb}", user=operator, json=WHY)).status == 200
        entry = await newest(door, operator, action)
        assert (entry["target"], entry["outcome"], entry["reason"]) == (user.user_id, "done", WHY["reason"])


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
