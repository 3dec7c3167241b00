"""API keys: made, used, listed, revoked; scopes never grow."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.auth.running import Auth
from tseeder.auth.v1 import auth_pb2
from tseeder_auth.domain.tokens import parse_api_key
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity


def in_future(**delta: float) -> Timestamp:
    wire = Timestamp()
    wire.FromDatetime(datetime.now(UTC) + timedelta(**delta))
    return wire


async def listed(auth: Auth, identity: str) -> list[auth_pb2.ApiKey]:
    with use_identity(identity):
        return list((await auth.me.ListApiKeys(auth_pb2.ListApiKeysRequest())).keys)


async def test_a_key_is_shown_once_and_stands_for_its_user(auth: Auth) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    made = await auth.key_of(identity, name="  laptop ", scopes=["files:read", "jobs:read", "jobs:read"])
    assert parse_api_key(made.secret) is not None
    assert made.secret.startswith(f"tsk_{made.key.prefix}_")
    assert (made.key.name, list(made.key.scopes)) == ("laptop", ["jobs:read", "files:read"])
    assert not made.key.HasField("expires_at")

    answer = await auth.exchange(key=made.secret)
    principal = auth.verifier.verify(answer.identity_token)
    assert str(principal.user_id) == user.user_id
    assert principal.scopes == {"jobs:read", "files:read"}
    assert principal.session_id is None
    assert answer.csrf_token == ""

    (key,) = await listed(auth, identity)
    assert key.HasField("last_used_at")
    assert made.secret not in str(key)


async def test_without_scopes_a_key_has_its_makers(auth: Auth) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    made = await auth.key_of(identity)
    assert set(made.key.scopes) == auth.verifier.verify(identity).scopes


async def test_scopes_do_not_grow(auth: Auth) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    narrow = await auth.key_of(identity, scopes=["me:write", "jobs:read"])
    by_key = (await auth.exchange(key=narrow.secret)).identity_token
    for token, scopes, code in (
        (identity, ["admin:read"], "scope_escalation"),
        (by_key, ["jobs:write"], "scope_escalation"),
        (by_key, ["me:read"], "scope_escalation"),
        (by_key, ["jobs:read"], "session_needed"),
        (by_key, [], "session_needed"),
    ):
        with pytest.raises(AppError) as caught:
            await auth.key_of(token, scopes=scopes)
        assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, code)


async def test_no_key_is_made_in_a_session_that_has_ended(auth: Auth) -> None:
    """Its identity is good for a minute more; a key would be for ever. Nor is a sign-in unlinked."""
    user = await auth.new_user()
    session = await auth.log_in(user.email)
    identity = (await auth.exchange(session=session.session_token)).identity_token
    await auth.sessions.LogOut(auth_pb2.LogOutRequest(session_token=session.session_token))
    with pytest.raises(AppError) as caught:
        await auth.key_of(identity)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")
    with use_identity(identity), pytest.raises(AppError) as caught:
        await auth.me.UnlinkIdentity(auth_pb2.UnlinkIdentityRequest(provider="p", subject="s"))
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "session_invalid")
    assert await auth.pool.fetchval("SELECT count(*) FROM api_keys WHERE user_id = $1", uuid.UUID(user.user_id)) == 0


async def test_a_key_loses_what_its_owners_role_loses(auth: Auth) -> None:
    admin = await auth.new_user(auth_pb2.ROLE_ADMIN)
    made = await auth.key_of(await auth.identity(admin.email), scopes=["admin:write", "jobs:read"])
    assert set((await auth.exchange(key=made.secret)).scopes) == {"admin:write", "jobs:read"}
    await auth.pool.execute("UPDATE users SET role = 'user' WHERE user_id = $1", uuid.UUID(admin.user_id))
    assert set((await auth.exchange(key=made.secret)).scopes) == {"jobs:read"}


@pytest.mark.parametrize("call", ["GetMe", "ListApiKeys", "CreateApiKey", "RevokeApiKey"])
async def test_every_call_wants_its_scope(auth: Auth, call: str) -> None:
    scope, request = {
        "GetMe": ("me:read", auth_pb2.GetMeRequest()),
        "ListApiKeys": ("me:read", auth_pb2.ListApiKeysRequest()),
        "CreateApiKey": ("me:write", auth_pb2.CreateApiKeyRequest(name="x")),
        "RevokeApiKey": ("me:write", auth_pb2.RevokeApiKeyRequest(key_id=str(uuid.uuid4()))),
    }[call]
    other = {"me:read": "me:write", "me:write": "me:read"}[scope]
    identity = await auth.identity((await auth.new_user()).email)
    made = await auth.key_of(identity, scopes=[other, "jobs:write"])
    with use_identity((await auth.exchange(key=made.secret)).identity_token):
        with pytest.raises(AppError) as caught:
            await getattr(auth.me, call)(request)
    assert (caught.value.code, caught.value.details) == ("scope_missing", {"scope": scope})
    with pytest.raises(AppError) as caught:
        await getattr(auth.me, call)(request)
    assert caught.value.kind is Kind.UNAUTHENTICATED


async def test_a_revoked_key_opens_nothing(auth: Auth) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    kept, revoked = await auth.key_of(identity), await auth.key_of(identity)
    for _ in range(2):
        with use_identity(identity):
            await auth.me.RevokeApiKey(auth_pb2.RevokeApiKeyRequest(key_id=revoked.key.key_id))
    await refused_key(auth, revoked.secret)
    assert [key.key_id for key in await listed(auth, identity)] == [kept.key.key_id]
    await auth.exchange(key=kept.secret)


async def test_another_users_key_is_not_found(auth: Auth) -> None:
    mine = await auth.identity((await auth.new_user()).email)
    theirs = await auth.key_of(await auth.identity((await auth.new_user()).email))
    for key_id in (theirs.key.key_id, str(uuid.uuid4())):
        with use_identity(mine), pytest.raises(AppError) as caught:
            await auth.me.RevokeApiKey(auth_pb2.RevokeApiKeyRequest(key_id=key_id))
        assert (caught.value.kind, caught.value.code) == (Kind.NOT_FOUND, "api_key_not_found")
    await auth.exchange(key=theirs.secret)


async def test_a_key_ends_when_it_said(auth: Auth) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    made = await auth.key_of(identity, expires_at=in_future(hours=1))
    await auth.exchange(key=made.secret)
    await auth.pool.execute("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", uuid.UUID(made.key.key_id))
    await refused_key(auth, made.secret)


async def test_a_replay_answers_the_key_without_its_secret(auth: Auth) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    fields = {"name": "ci", "scopes": ["jobs:read"], "idempotency_key": "once"}
    answers = await asyncio.gather(*(auth.key_of(identity, **fields) for _ in range(10)))
    assert {answer.key.key_id for answer in answers} == {answers[0].key.key_id}
    assert len([answer for answer in answers if answer.secret]) == 1
    assert len(await listed(auth, identity)) == 1
    with pytest.raises(AppError) as caught:
        await auth.key_of(identity, **{**fields, "name": "other"})
    assert (caught.value.kind, caught.value.code) == (Kind.UNPROCESSABLE, "idempotency_key_reused")
    # Another user's key of the same name is another key.
    await auth.key_of(await auth.identity((await auth.new_user()).email), **fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "bad_text"),
        ({"name": " \u200b "}, "bad_text"),
        ({"name": "nul\0"}, "bad_text"),
        ({"name": "x" * 101}, "bad_text"),
        ({"scopes": ["jobs:everything"]}, "unknown_scope"),
        ({"scopes": [""]}, "unknown_scope"),
        ({"expires_at": Timestamp(seconds=1)}, "expires_at_past"),
        ({"expires_at": Timestamp(seconds=2**62)}, "bad_time"),
        ({"idempotency_key": "x" * 256}, "bad_idempotency_key"),
        ({"idempotency_key": "nul\0"}, "bad_idempotency_key"),
    ],
)
async def test_a_bad_request_has_its_own_code(auth: Auth, fields: dict[str, object], code: str) -> None:
    identity = await auth.identity((await auth.new_user()).email)
    with pytest.raises(AppError) as caught:
        await auth.key_of(identity, **fields)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)
    assert not await listed(auth, identity)


async def test_a_user_has_a_hundred_keys_at_most(auth: Auth) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    await auth.key_of(identity)
    await auth.pool.execute(
        "INSERT INTO api_keys (key_id, user_id, name, prefix, secret_hash, scopes, fingerprint)"
        " SELECT gen_random_uuid(), $1, n::text, 'p', int4send(n) || uuid_send($1), '{}', ''"
        " FROM generate_series(1, 98) AS n",
        uuid.UUID(user.user_id),
    )
    answers = await asyncio.gather(*(auth.key_of(identity) for _ in range(5)), return_exceptions=True)
    codes = [answer.code for answer in answers if isinstance(answer, AppError)]
    assert codes == ["too_many_api_keys"] * 4


@pytest.mark.parametrize("text", ["", "tsk_", "x" * 100_000, "tsk_aaaaaaaa_" + "A" * 32 + "_aaaaaaa", "\0"])
async def test_what_is_no_key_is_refused(auth: Auth, text: str) -> None:
    with pytest.raises(AppError) as caught:
        await auth.sessions.Exchange(auth_pb2.ExchangeRequest(api_key=text))
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "api_key_invalid")


async def refused_key(auth: Auth, secret: str) -> None:
    """The key opens nothing."""
    with pytest.raises(AppError) as caught:
        await auth.exchange(key=secret)
    assert (caught.value.kind, caught.value.code) == (Kind.UNAUTHENTICATED, "api_key_invalid")
