"""One's sessions, second factor, name and history, by HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.auth.factors import code_at
from tests.integration.auth.running import PASSWORD, eventually, running_auth, unique_email
from tests.integration.gateway.conftest import MakeDoor
from tests.integration.gateway.running import Caller, Door, Reply, browsing, with_scopes
from tseeder.auth.v1 import auth_pb2

WRONG = "not the password"
UNSAFE = [
    ("PATCH", "/v1/me", {"name": "x"}),
    ("DELETE", "/v1/me/sessions", None),
    ("DELETE", "/v1/me/sessions/01a1f8b5-2825-728a-81b6-9320f137115c", None),
    ("POST", "/v1/me/totp", {}),
    ("POST", "/v1/me/totp/confirm", {"code": "1"}),
    ("POST", "/v1/me/totp/disable", {}),
    ("POST", "/v1/me/recovery-codes", {}),
]


async def signed_in(door: Door, email: str, **more: str) -> Reply:
    return await door.call("POST", "/v1/auth/login", json={"email": email, "password": PASSWORD, **more})


def with_session(answer: Reply, session: Any, email: str) -> Caller:
    """Whoever holds the cookie of this answer."""
    cookie = answer.cookies["tseeder"].value
    headers = {"Cookie": f"tseeder={cookie}", "X-CSRF-Token": session["csrf_token"]}
    return Caller(session["user"]["user_id"], email, headers)


async def test_sessions_are_seen_and_ended(door: Door, stranger: Caller) -> None:
    one = await browsing(door)
    two, three = await browsing(door, one.email), await browsing(door, one.email)
    listed = (await door.call("GET", "/v1/me/sessions", user=one)).json
    assert listed["next_cursor"] is None
    assert sorted(each["current"] for each in listed["items"]) == [False, False, True]
    assert {(each["remote_address"], each["method"]) for each in listed["items"]} == {("127.0.0.1", "password")}
    own = next(each["session_id"] for each in listed["items"] if each["current"])
    of_two = next(
        each["session_id"]
        for each in (await door.call("GET", "/v1/me/sessions", user=two)).json["items"]
        if each["current"]
    )
    for session_id in (own, "01a1f8b5-2825-728a-81b6-9320f137115c", "x"):
        refused = await door.call("DELETE", f"/v1/me/sessions/{session_id}", user=stranger)
        assert (refused.status, refused.code) == (404, "session_not_found")
    assert (await door.call("DELETE", f"/v1/me/sessions/{of_two}", user=one)).status == 204
    assert (await door.call("GET", "/v1/me", user=two)).code == "session_invalid"
    ended = await door.call("DELETE", "/v1/me/sessions", user=one)
    assert (ended.status, ended.json) == (200, {"ended": 1})
    assert (await door.call("GET", "/v1/me", user=three)).status == 401
    assert (await door.call("GET", "/v1/me", user=one)).status == 200
    by_key = await door.call("DELETE", "/v1/me/sessions", user=stranger)
    assert (by_key.status, by_key.code) == (403, "session_needed")


@pytest.mark.parametrize(("method", "path", "body"), UNSAFE)
async def test_another_site_cannot_have_it_done(door: Door, victim: Caller, method: str, path: str, body: Any) -> None:
    cookie = {"Cookie": victim.headers["Cookie"]}
    for headers, code in (
        ({}, "csrf_token_missing"),
        ({"X-CSRF-Token": "x"}, "csrf_token_invalid"),
        ({**victim.headers, "Origin": "https://evil.example"}, "cross_site_request"),
        ({**victim.headers, "Sec-Fetch-Site": "cross-site"}, "cross_site_request"),
    ):
        answer = await door.call(method, path, headers={**cookie, **headers}, **({"json": body} if body else {}))
        assert (answer.status, answer.code) == (403, code)


@pytest.fixture(scope="session")
async def victim(door: Door) -> Caller:
    """Somebody in a browser."""
    return await browsing(door)


async def test_a_session_that_was_ended_through_one_auth_is_refused_through_another_within_the_cache_s_time(
    door: Door, make_door: MakeDoor, tmp_path: Path
) -> None:
    auth = door.upstream.auth
    assert type(door.settings).model_fields["identity_cache_seconds"].default <= 5
    dsn, nats_url = auth.settings.database_url.get_secret_value(), door.upstream.nats_url
    folder = auth.settings.identity_private_key.parent
    async with running_auth(dsn, nats_url, folder) as replica:
        other = await make_door(auth_target=f"127.0.0.1:{replica.rpc_port}", identity_cache_seconds=1)
        here, there = await browsing(door), await browsing(other)
        assert here.email != there.email
        there = await browsing(other, here.email)
        assert (await other.call("GET", "/v1/me", user=there)).status == 200  # and is remembered from now on
        assert (await door.call("DELETE", "/v1/me/sessions", user=here)).json == {"ended": 1}

        async def refused() -> bool:
            return (await other.call("GET", "/v1/me", user=there)).status == 401

        await eventually(refused, seconds=5)
        assert (await door.call("GET", "/v1/me", user=there)).code == "session_invalid"


async def test_a_second_factor_from_its_beginning_to_its_end(door: Door) -> None:
    me = await browsing(door)
    refused = await door.call("POST", "/v1/me/totp", user=me, json={"password": WRONG})
    assert (refused.status, refused.code) == (403, "proof_failed")
    begun = await door.call("POST", "/v1/me/totp", user=me, json={"password": PASSWORD})
    assert begun.status == 201
    secret = begun.json["secret"]
    assert (await signed_in(door, me.email)).status == 200
    wrong = await door.call("POST", "/v1/me/totp/confirm", user=me, json={"code": "not one"})
    assert (wrong.status, wrong.code) == (401, "second_factor_invalid")
    done = await door.call("POST", "/v1/me/totp/confirm", user=me, json={"code": code_at(secret)})
    assert done.status == 200
    assert (await door.call("GET", "/v1/me", user=me)).status == 401
    attributes = {part.strip().lower() for part in done.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "path=/", "samesite=lax"} <= attributes
    renewed = with_session(done, done.json["session"], me.email)
    assert renewed.headers["Cookie"] != me.headers["Cookie"]
    assert renewed.headers["X-CSRF-Token"] != me.headers["X-CSRF-Token"]
    about = (await door.call("GET", "/v1/me", user=renewed)).json
    assert (about["second_factor"], about["second_factor_required"]) == (True, False)

    first, second, third = done.json["recovery_codes"][:3]
    asked = await signed_in(door, me.email)
    assert (asked.status, asked.code) == (401, "second_factor_required")
    assert "Set-Cookie" not in asked.headers
    used = await signed_in(door, me.email, code=code_at(secret, -3))
    assert (used.status, used.code) == (401, "second_factor_invalid")
    assert (await signed_in(door, me.email, code=first)).status == 200
    replaced = await door.call(
        "POST", "/v1/me/recovery-codes", user=renewed, json={"password": PASSWORD, "code": second}
    )
    assert replaced.status == 201
    body = {"password": PASSWORD, "code": third}
    off = await door.call("POST", "/v1/me/totp/disable", user=renewed, json=body)
    assert (off.status, off.code) == (401, "second_factor_invalid")
    body["code"] = replaced.json["recovery_codes"][0]
    assert (await door.call("POST", "/v1/me/totp/disable", user=renewed, json=body)).status == 204
    again = await door.call("POST", "/v1/me/totp/disable", user=renewed, json=body)
    assert (again.status, again.code) == (409, "totp_not_on")
    assert (await signed_in(door, me.email)).status == 200
    events = (await door.call("GET", "/v1/me/security-events?limit=200", user=renewed)).json["items"]
    kinds = [event["kind"] for event in events]
    assert kinds[:2] == ["login.done", "totp.disabled"]
    assert kinds.count("recovery_code.used") == 3
    assert not [event for event in events if event["by_operator"]]
    for secret_text in (secret, first, second, PASSWORD):
        assert secret_text not in str(events)


async def test_one_s_name(door: Door, upstream: Any) -> None:
    me = await browsing(door)
    named = await door.call("PATCH", "/v1/me", user=me, json={"name": " Ann 映画 "})
    assert (named.status, named.json["name"]) == (200, "Ann 映画")
    assert (await door.call("PATCH", "/v1/me", user=me, json={})).json["name"] == "Ann 映画"
    for body, code in (
        ({"name": "a\nb"}, "bad_text"),
        ({"name": "x" * 101}, "bad_text"),
        ({"role": "admin"}, "invalid_request"),
    ):
        refused = await door.call("PATCH", "/v1/me", user=me, json=body)
        assert (refused.status, refused.code) == (400, code)
    assert (await door.call("PATCH", "/v1/me", user=me, json={"name": ""})).json["name"] == ""
    reader = await with_scopes(upstream, me, "me:read")
    assert (await door.call("PATCH", "/v1/me", user=reader, json={"name": "x"})).code == "scope_missing"


async def test_operators_see_what_happened_to_whom(door: Door, support: Caller, user: Caller) -> None:
    email = (await door.upstream.auth.new_user(email=unique_email())).email
    bad = {"email": email, "password": WRONG}
    assert (await door.call("POST", "/v1/auth/login", json=bad)).status == 401
    me = await browsing(door, email)
    path = f"/v1/admin/security-events?user_id={me.user_id}"
    seen = (await door.call("GET", path, user=support)).json["items"]
    assert [(each["kind"], each["user_id"]) for each in seen][:2] == [
        ("login.done", me.user_id),
        ("login.refused", me.user_id),
    ]
    page = (await door.call("GET", f"{path}&kind=login.refused&limit=1", user=support)).json
    assert [each["details"] for each in page["items"]] == [{"code": "invalid_credentials"}]
    newest = (await door.call("GET", "/v1/admin/security-events?limit=1", user=support)).json
    for query in (f"user_id={me.user_id}", "kind=login.done"):
        moved = await door.call(
            "GET", f"/v1/admin/security-events?{query}&cursor={newest['next_cursor']}", user=support
        )
        assert (moved.status, moved.code) == (400, "bad_cursor")
    for wrong in ("x", "", me.user_id.replace("-", ""), f"urn:uuid:{me.user_id}", f"{{{me.user_id}}}"):
        refused = await door.call("GET", f"/v1/admin/security-events?user_id={quote(wrong)}", user=support)
        assert (refused.status, refused.code) == (400, "invalid_request"), wrong
    assert (await door.call("GET", path, user=user)).code == "scope_missing"


async def test_an_operator_without_a_factor_is_told_why_he_may_so_little(door: Door, make_door: MakeDoor) -> None:
    auth = door.upstream.auth
    dsn, nats_url = auth.settings.database_url.get_secret_value(), door.upstream.nats_url
    folder = auth.settings.identity_private_key.parent
    async with running_auth(dsn, nats_url, folder, operators_need_second_factor=True) as strict:
        other = await make_door(auth_target=f"127.0.0.1:{strict.rpc_port}")
        email = (await auth.new_user(auth_pb2.ROLE_SUPPORT, unique_email())).email
        me = await browsing(other, email)
        about = (await other.call("GET", "/v1/me", user=me)).json
        assert (about["role"], about["second_factor"], about["second_factor_required"]) == ("support", False, True)
        assert about["scopes"] == ["me:read", "me:write"]
        assert (await other.call("GET", "/v1/admin/users", user=me)).code == "scope_missing"
        assert (await door.call("GET", "/v1/admin/users", user=me)).status == 200
