"""Roles, suspension and signing out: what operators do to accounts, and what they may not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.integration.auth.running import ROOT, Auth
from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

USER, SUPPORT, ADMIN, SUPERADMIN = pb.ROLE_USER, pb.ROLE_SUPPORT, pb.ROLE_ADMIN, pb.ROLE_SUPERADMIN


async def code_of(call: Awaitable[Any]) -> str:
    """The code that it is refused with."""
    with pytest.raises(AppError) as caught:
        await call
    return caught.value.code


async def events_of(auth: Auth, user: pb.User) -> list[tuple[str, dict[str, str]]]:
    rows = await auth.pool.fetch(
        "SELECT type, payload FROM feed WHERE entity_id = $1 ORDER BY id", uuid.UUID(user.user_id)
    )
    return [(row["type"], dict(row["payload"])) for row in rows if row["type"] != "user.created"]


async def recorded(auth: Auth, user: pb.User) -> list[tuple[str, str]]:
    """Kinds of what an operator did to an account, and who it was."""
    rows = await auth.pool.fetch(
        "SELECT kind, actor_user_id FROM security_events WHERE user_id = $1 AND actor_user_id IS NOT NULL ORDER BY at",
        uuid.UUID(user.user_id),
    )
    return [(row["kind"], str(row["actor_user_id"])) for row in rows]


async def test_a_suspension_ends_sessions_stops_keys_and_is_taken_back(auth: Auth) -> None:
    user = await auth.new_user()
    session = (await auth.log_in(user.email)).session_token
    key = (await auth.key_of((await auth.exchange(session=session)).identity_token)).secret
    suspend = pb.SetSuspendedRequest(user_id=user.user_id, suspended=True)
    with use_identity(await auth.root_identity()):
        assert (await auth.accounts.SetSuspended(suspend)).suspended
        assert (await auth.accounts.SetSuspended(suspend)).suspended
        assert (await auth.accounts.GetUser(pb.GetUserRequest(user_id=user.user_id))).suspended
    assert await code_of(auth.exchange(session=session)) == "session_invalid"
    assert await code_of(auth.exchange(key=key)) == "account_suspended"
    assert await code_of(auth.log_in(user.email)) == "account_suspended"
    reinstate = pb.SetSuspendedRequest(user_id=user.user_id, suspended=False)
    with use_identity(await auth.root_identity()):
        assert not (await auth.accounts.SetSuspended(reinstate)).suspended
        assert not (await auth.accounts.SetSuspended(reinstate)).suspended
    assert (await auth.exchange(key=key)).user.user_id == user.user_id
    assert await code_of(auth.exchange(session=session)) == "session_invalid"
    told = [kind for kind, _ in await events_of(auth, user)]
    assert told == ["user.suspended", "user.reinstated"]  # once each
    root = (await auth.pool.fetchval("SELECT user_id::text FROM users WHERE email = $1", ROOT)) or ""
    assert await recorded(auth, user) == [("account.suspended", root), ("account.reinstated", root)]


async def test_a_role_changes_ends_sessions_and_rules_keys(auth: Auth) -> None:
    user = await auth.new_user(ADMIN)
    session = (await auth.log_in(user.email)).session_token
    key = (await auth.key_of((await auth.exchange(session=session)).identity_token)).secret
    assert "admin:write" in (await auth.exchange(key=key)).scopes
    change = pb.SetRoleRequest(user_id=user.user_id, role=SUPPORT)
    with use_identity(await auth.root_identity()):
        assert (await auth.accounts.SetRole(change)).role == SUPPORT
        assert (await auth.accounts.SetRole(change)).role == SUPPORT
        bad = pb.SetRoleRequest(user_id=user.user_id)
        assert await code_of(auth.accounts.SetRole(bad)) == "bad_role"
        nobody = pb.SetRoleRequest(user_id=str(uuid.uuid4()), role=USER)
        assert await code_of(auth.accounts.SetRole(nobody)) == "user_not_found"
    assert await code_of(auth.exchange(session=session)) == "session_invalid"
    assert "admin:write" not in (await auth.exchange(key=key)).scopes
    assert await events_of(auth, user) == [("user.role_changed", {"role": "support"})]


async def test_signing_out_ends_sessions_and_leaves_keys(auth: Auth) -> None:
    user = await auth.new_user()
    sessions = [(await auth.log_in(user.email)).session_token for _ in range(2)]
    key = (await auth.key_of((await auth.exchange(session=sessions[0])).identity_token)).secret
    out = pb.EndSessionsRequest(user_id=user.user_id)
    with use_identity(await auth.root_identity()):
        assert (await auth.accounts.EndSessions(out)).ended == 2
        assert (await auth.accounts.EndSessions(out)).ended == 0
    for session in sessions:
        assert await code_of(auth.exchange(session=session)) == "session_invalid"
    assert (await auth.exchange(key=key)).user.user_id == user.user_id
    assert [kind for kind, _ in await events_of(auth, user)] == ["user.sessions_ended"]
    assert [kind for kind, _ in await recorded(auth, user)] == ["sessions.ended"]


async def test_who_may_act_on_whom(auth: Auth) -> None:
    user, support, admin, other = [await auth.new_user(role) for role in (USER, SUPPORT, ADMIN, ADMIN)]
    root_id = await auth.pool.fetchval("SELECT user_id::text FROM users WHERE email = $1", ROOT)

    async def tried(target: str) -> list[str]:
        """What suspending, signing out and a change of role come to."""
        codes = []
        for call in (
            auth.accounts.SetSuspended(pb.SetSuspendedRequest(user_id=target, suspended=True)),
            auth.accounts.EndSessions(pb.EndSessionsRequest(user_id=target)),
            auth.accounts.SetRole(pb.SetRoleRequest(user_id=target, role=USER)),
        ):
            try:
                await call
                codes.append("done")
            except AppError as exc:
                assert exc.kind is Kind.FORBIDDEN
                codes.append(exc.code)
        return codes

    with use_identity(await auth.identity(support.email)):
        assert await tried(user.user_id) == ["scope_missing"] * 3
        assert (await auth.accounts.GetUser(pb.GetUserRequest(user_id=user.user_id))).email == user.email
    with use_identity(await auth.identity(user.email)):
        assert await code_of(auth.accounts.GetUser(pb.GetUserRequest(user_id=user.user_id))) == "scope_missing"
    with use_identity(await auth.identity(admin.email)):
        assert await tried(support.user_id) == ["done", "done", "role_too_low"]
        assert await tried(other.user_id) == ["role_too_high", "role_too_high", "role_too_low"]
        assert await tried(root_id) == ["role_too_high", "role_too_high", "role_too_low"]
        assert await tried(admin.user_id) == ["own_account", "done", "role_too_low"]
    with use_identity(await auth.root_identity()):
        assert await tried(admin.user_id) == ["done"] * 3


async def test_who_was_demoted_acts_no_more_by_the_identity_that_he_has(auth: Auth) -> None:
    user, admin = await auth.new_user(), await auth.new_user(ADMIN)
    identity = await auth.identity(admin.email)
    with use_identity(await auth.root_identity()):
        await auth.accounts.SetRole(pb.SetRoleRequest(user_id=admin.user_id, role=USER))
    with use_identity(identity):
        suspend = pb.SetSuspendedRequest(user_id=user.user_id, suspended=True)
        assert await code_of(auth.accounts.SetSuspended(suspend)) == "role_too_low"


async def test_a_superadmin_is_always_left(fresh_auth: Auth) -> None:
    """Also of two who would go at once, each by another way: both are held up until both have begun."""
    auth = fresh_auth
    root = await auth.bootstrap(ROOT)
    identity = await auth.identity(ROOT)
    demote = pb.SetRoleRequest(user_id=root.user_id, role=ADMIN)
    with use_identity(identity):
        assert await code_of(auth.accounts.SetRole(demote)) == "last_superadmin"
        second = await auth.accounts.CreateUser(
            pb.CreateUserRequest(
                email="second@example.org", password="long enough for two", role=SUPERADMIN, user_id=str(uuid.uuid4())
            )
        )
        # One who is suspended is none that can act.
        await auth.accounts.SetSuspended(pb.SetSuspendedRequest(user_id=second.user_id, suspended=True))
        assert await code_of(auth.accounts.SetRole(demote)) == "last_superadmin"
        await auth.accounts.SetSuspended(pb.SetSuspendedRequest(user_id=second.user_id, suspended=False))
    others = (await auth.exchange(session=(await auth.log_in(second.email, "long enough for two")).session_token)).identity_token

    async def go(token: str, request: pb.SetRoleRequest) -> str:
        with use_identity(token):
            try:
                await auth.accounts.SetRole(request)
            except AppError as exc:
                return exc.code
        return "done"

    async with auth.pool.acquire() as held, held.transaction():
        await held.execute("SELECT pg_advisory_xact_lock(hashtextextended('tseeder.auth.superadmins', 0))")
        both = [
            asyncio.create_task(go(identity, demote)),
            asyncio.create_task(go(others, pb.SetRoleRequest(user_id=second.user_id, role=USER))),
        ]
        async with asyncio.timeout(10):
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while await auth.pool.fetchval(waiting) < 2:
                await asyncio.sleep(0.01)
    assert sorted(await asyncio.gather(*both)) == ["done", "last_superadmin"]
    assert await auth.pool.fetchval("SELECT count(*) FROM users WHERE role = 'superadmin'") == 1
