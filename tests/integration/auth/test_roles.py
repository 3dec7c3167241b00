"""Roles, suspension and signing out: what operators do to accounts, and what they may not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.integration.auth.running import PASSWORD, ROOT, Auth, eventually
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
                codes.append(exc.code if exc.kind is Kind.FORBIDDEN else f"{exc.kind} {exc.code}")
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
        # Nor is one who cannot sign in, since his address is not confirmed.
        verified = "UPDATE users SET verified_at = CASE WHEN $1 THEN now() END WHERE email = 'second@example.org'"
        await auth.pool.execute(verified, False)
        assert await code_of(auth.accounts.SetRole(demote)) == "last_superadmin"
        await auth.pool.execute(verified, True)
    others = (
        await auth.exchange(session=(await auth.log_in(second.email, "long enough for two")).session_token)
    ).identity_token

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
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

        async def both_wait() -> bool:
            return bool(await auth.pool.fetchval(waiting) >= 2)

        await eventually(both_wait, seconds=4.5)
    assert sorted(await asyncio.gather(*both)) == ["done", "last_superadmin"]
    assert await auth.pool.fetchval("SELECT count(*) FROM users WHERE role = 'superadmin'") == 1


async def test_who_deletes_his_account_leaves_nothing_but_an_event(fresh_auth: Auth) -> None:
    auth = fresh_auth
    await auth.bootstrap(ROOT)
    user = await auth.new_user()
    session = (await auth.log_in(user.email)).session_token
    identity = (await auth.exchange(session=session)).identity_token
    key = (await auth.key_of(identity)).secret

    async def delete(password: str) -> pb.DeleteMeResponse:
        with use_identity(identity):
            return await auth.me.DeleteMe(pb.DeleteMeRequest(proof=pb.Proof(password=password)))

    assert await code_of(delete("not his password")) == "proof_failed"
    assert (await auth.exchange(key=key)).user.user_id == user.user_id
    await delete(PASSWORD)
    assert await code_of(auth.exchange(session=session)) == "session_invalid"
    assert await code_of(auth.exchange(key=key)) == "api_key_invalid"
    assert await code_of(delete(PASSWORD)) in {"user_not_found", "session_invalid"}  # whichever is looked at first
    told = await auth.pool.fetchrow("SELECT * FROM feed WHERE type = 'user.deleted' ORDER BY id DESC LIMIT 1")
    assert told is not None
    assert (str(told["entity_id"]), told["payload"]) == (user.user_id, {})
    for table in ("users", "sessions", "api_keys", "security_events", "mails", "login_throttles"):
        rows = str([dict(row) for row in await auth.pool.fetch(f"SELECT * FROM {table}")])  # noqa: S608 - of the list above
        assert user.user_id not in rows
        assert table == "mails" or user.email not in rows
    mail = await auth.pool.fetchrow("SELECT kind, user_id FROM mails WHERE address = $1", user.email)
    assert mail is not None
    assert (mail["kind"], mail["user_id"]) == ("account_deleted", None)
    again = await auth.new_user(email=user.email)  # the address is free
    assert again.user_id != user.user_id


async def test_who_is_suspended_or_the_last_superadmin_cannot_delete_himself(fresh_auth: Auth) -> None:
    auth = fresh_auth
    await auth.bootstrap(ROOT)
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    delete = pb.DeleteMeRequest(proof=pb.Proof(password=PASSWORD))
    with use_identity(await auth.root_identity()):
        assert await code_of(auth.me.DeleteMe(delete)) == "last_superadmin"
        await auth.accounts.SetSuspended(pb.SetSuspendedRequest(user_id=user.user_id, suspended=True))
    with use_identity(identity):
        assert await code_of(auth.me.DeleteMe(delete)) == "session_invalid"  # it ended with the suspension
    assert await auth.pool.fetchval("SELECT count(*) FROM users") == 2
