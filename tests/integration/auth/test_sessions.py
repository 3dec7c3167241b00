"""Signing in, the session's life, and what it is exchanged for."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from argon2 import PasswordHasher

from tests.integration.auth.running import PASSWORD, ROOT, Auth, unique_email
from tseeder.auth.v1 import auth_pb2
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

USER_SCOPES = {"jobs:read", "jobs:write", "files:read", "files:write", "me:read", "me:write"}


async def test_a_session_becomes_an_identity_of_its_user(auth: Auth) -> None:
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    assert session.user == user
    assert len(session.session_token) >= 43
    assert session.expires_at.ToDatetime(UTC) > datetime.now(UTC) + timedelta(days=29)

    answer = await auth.exchange(session=session.session_token)
    principal = auth.verifier.verify(answer.identity_token)
    assert str(principal.user_id) == user.user_id
    assert principal.role == "user"
    assert principal.scopes == frozenset(answer.scopes) == USER_SCOPES
    assert principal.session_id is not None
    assert answer.csrf_token == session.csrf_token != session.session_token
    left = answer.expires_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


@pytest.mark.parametrize(
    ("role", "more"),
    [
        (auth_pb2.ROLE_SUPPORT, {"admin:read"}),
        (auth_pb2.ROLE_ADMIN, {"admin:read", "admin:write"}),
        (auth_pb2.ROLE_SUPERADMIN, {"admin:read", "admin:write"}),
    ],
)
async def test_scopes_follow_the_role(auth: Auth, role: auth_pb2.Role.ValueType, more: set[str]) -> None:
    user = await auth.new_user(role)
    answer = await auth.exchange(session=(await auth.log_in(user.email)).session_token)
    assert set(answer.scopes) == USER_SCOPES | more


async def test_secrets_are_stored_only_as_hashes(auth: Auth) -> None:
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    key = await auth.key_of((await auth.exchange(session=session.session_token)).identity_token)
    rows = [
        str(dict(row))
        for table in ("users", "sessions", "api_keys", "bootstrap_tokens", "login_throttles", "feed")
        for row in await auth.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608
    ]
    for secret in (PASSWORD, session.session_token, session.csrf_token, key.secret, key.secret.split("_")[2]):
        assert not [row for row in rows if secret in row]


async def test_a_session_is_over_after_logout(auth: Auth) -> None:
    user = await auth.new_user()
    kept, ended = await auth.log_in(user.email), await auth.log_in(user.email)
    await auth.sessions.LogOut(auth_pb2.LogOutRequest(session_token=ended.session_token))
    await auth.sessions.LogOut(auth_pb2.LogOutRequest(session_token=ended.session_token))
    await refused_session(auth, ended.session_token)
    await auth.exchange(session=kept.session_token)


@pytest.mark.parametrize("token", ["", "x", "\0", "A" * 43, "ü" * 100_000])
async def test_what_is_no_session_is_refused(auth: Auth, token: str) -> None:
    await refused_session(auth, token)


@pytest.mark.parametrize(
    "column", ["expires_at = clock_timestamp()", "last_seen_at = clock_timestamp() - '8d'::interval"]
)
async def test_a_session_ends_by_age_and_by_idleness(auth: Auth, column: str) -> None:
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    await auth.pool.execute(f"UPDATE sessions SET {column} WHERE user_id = $1", uuid.UUID(user.user_id))  # noqa: S608
    await refused_session(auth, session.session_token)


async def test_a_suspended_user_can_neither_exchange_nor_sign_in(auth: Auth) -> None:
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    key = await auth.key_of((await auth.exchange(session=session.session_token)).identity_token)
    await auth.pool.execute("UPDATE users SET suspended_at = now() WHERE user_id = $1", uuid.UUID(user.user_id))
    for attempt in (
        auth.exchange(session=session.session_token),
        auth.exchange(key=key.secret),
        auth.log_in(user.email),
    ):
        with pytest.raises(AppError) as caught:
            await attempt
        assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "account_suspended")
    # Who does not know the password is not told.
    with pytest.raises(AppError) as caught:
        await auth.log_in(user.email, "not the password")
    assert caught.value.code == "invalid_credentials"


async def test_use_is_noted_at_most_once_a_minute(auth: Auth) -> None:
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    seen = "SELECT last_seen_at, xmin::text FROM sessions WHERE user_id = $1"
    before = await auth.pool.fetchrow(seen, uuid.UUID(user.user_id))
    await auth.exchange(session=session.session_token)
    assert await auth.pool.fetchrow(seen, uuid.UUID(user.user_id)) == before
    await auth.pool.execute(
        "UPDATE sessions SET last_seen_at = clock_timestamp() - '61s'::interval WHERE user_id = $1",
        uuid.UUID(user.user_id),
    )
    await auth.exchange(session=session.session_token)
    after = await auth.pool.fetchrow(seen, uuid.UUID(user.user_id))
    assert after is not None
    assert before is not None
    assert after["last_seen_at"] >= before["last_seen_at"]


async def test_unknown_accounts_and_wrong_passwords_get_the_same_answer(auth: Auth) -> None:
    user = await auth.new_user()
    answers = []
    for email in (user.email, unique_email(), "not an address", "nul\0@example.org", "@" * 10_000):
        with pytest.raises(AppError) as caught:
            await auth.log_in(email, "not the password")
        error = caught.value
        answers.append((error.kind, error.code, error.message, error.details, error.fields))
    assert set(map(str, answers)) == {str(answers[0])}
    assert answers[0][1] == "invalid_credentials"


async def test_unknown_accounts_cost_the_same_work(auth: Auth) -> None:
    """One hash each: nobody's clock tells who has an account."""
    user = await auth.new_user()
    for email in (user.email, unique_email(), "not an address"):
        before = await hashes(auth)
        with pytest.raises(AppError):
            await auth.log_in(email, "not the password")
        assert await hashes(auth) == before + 1


async def hashes(auth: Auth) -> int:
    """Passwords that were hashed or verified by now."""
    async with aiohttp.request("GET", f"http://127.0.0.1:{auth.ops_port}/metrics") as answer:
        found = re.search(r"auth_password_hash_seconds_count ([0-9.]+)", await answer.text())
    assert found is not None
    return int(float(found[1]))


async def test_a_megabyte_of_password_is_refused_before_hashing(auth: Auth) -> None:
    huge = "x" * 1_000_000
    started = asyncio.get_running_loop().time()
    for attempt in (
        auth.log_in(ROOT, huge),
        auth.sessions.Bootstrap(auth_pb2.BootstrapRequest(password=huge, email=ROOT)),
    ):
        with pytest.raises(AppError) as caught:
            await attempt
        assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "password_too_long")
    assert asyncio.get_running_loop().time() - started < 2
    assert not await auth.pool.fetchval("SELECT count(*) FROM login_throttles WHERE failures > 1000")


async def test_an_address_signs_in_however_unicode_writes_it(auth: Auth) -> None:
    local = uuid.uuid4().hex[:8]
    user = await auth.new_user(email=f"Straße.{local}@Bücher.example")
    assert user.email == f"Straße.{local}@Bücher.example"
    for twin in (
        f"strasse.{local}@bücher.example",
        f"ＳＴＲＡＳＳＥ.{local}@xn--bcher-kva.example",
        f"STRAßE.{local}@BU\u0308CHER.EXAMPLE",
    ):
        assert (await auth.log_in(twin)).user.user_id == user.user_id


async def test_a_password_composed_otherwise_is_the_same(auth: Auth) -> None:
    email, token = unique_email(), str(uuid.uuid4())
    with use_identity(await auth.root_identity()):
        await auth.accounts.CreateUser(
            auth_pb2.CreateUserRequest(email=email, password="größer und länger", user_id=token)
        )
    assert await auth.log_in(email, "gro\u0308ßer und la\u0308nger")


async def test_a_hash_with_dated_parameters_is_renewed_at_sign_in(auth: Auth) -> None:
    user = await auth.new_user()
    dated = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    user_id = uuid.UUID(user.user_id)
    await auth.pool.execute("UPDATE users SET password_hash = $2 WHERE user_id = $1", user_id, dated)
    await auth.log_in(user.email)
    renewed = await auth.pool.fetchval("SELECT password_hash FROM users WHERE user_id = $1", user_id)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await auth.log_in(user.email)


async def refused_session(auth: Auth, token: str) -> None:
    """The token opens nothing."""
    with pytest.raises(AppError) as caught:
        await auth.exchange(session=token)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")
