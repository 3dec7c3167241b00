"""One's sessions, seen and ended; one's name; what happened to one's account."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from tests.integration.auth.factors import CLIENT, identity_of
from tests.integration.auth.running import ROOT, Auth, running_auth, unique_email
from tseeder.auth.v1 import auth_pb2
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity


@pytest.fixture(scope="module")
async def replica(auth: Auth, auth_dsn: str, nats_url: str) -> AsyncIterator[Auth]:
    """Another one, on the same database."""
    async with running_auth(auth_dsn, nats_url, auth.settings.identity_private_key.parent) as replica:
        yield replica


async def code_of(attempt: Awaitable[Any]) -> str:
    """How it is answered."""
    try:
        await attempt
    except AppError as exc:
        return exc.code
    return "done"


async def test_one_sees_his_sessions_and_ends_them_everywhere(auth: Auth, replica: Auth) -> None:
    user, stranger = await auth.new_user(), await auth.new_user()
    one, two, three = [await auth.log_in(user.email, address=f"198.51.100.{n}") for n in range(3)]
    theirs = await identity_of(auth, await auth.log_in(stranger.email))
    identity = await identity_of(auth, one)
    with use_identity(identity):
        listed = (await auth.me.ListSessions(auth_pb2.ListSessionsRequest())).sessions
    assert {(each.remote_address, each.user_agent, each.method, each.current) for each in listed} == {
        (f"198.51.100.{n}", "pytest", "password", n == 0) for n in range(3)
    }
    assert [each.last_seen_at.ToNanoseconds() for each in listed] == sorted(
        (each.last_seen_at.ToNanoseconds() for each in listed), reverse=True
    )
    second = next(each for each in listed if each.remote_address == "198.51.100.1")

    ending = auth_pb2.RevokeSessionRequest(session_id=second.session_id, client=CLIENT)
    with use_identity(theirs):
        assert await code_of(auth.me.RevokeSession(ending)) == "session_not_found"
    with use_identity(identity):
        await auth.me.RevokeSession(ending)
        assert await code_of(auth.me.RevokeSession(ending)) == "session_not_found"
        no_id = auth_pb2.RevokeSessionRequest(session_id="x")
        assert await code_of(auth.me.RevokeSession(no_id)) == "bad_id"
    assert await code_of(replica.exchange(session=two.session_token)) == "session_invalid"
    with use_identity(identity):
        others = await auth.me.RevokeOtherSessions(auth_pb2.RevokeOtherSessionsRequest(client=CLIENT))
        again = await auth.me.RevokeOtherSessions(auth_pb2.RevokeOtherSessionsRequest(client=CLIENT))
    assert (others.ended, again.ended) == (1, 0)
    assert await code_of(replica.exchange(session=three.session_token)) == "session_invalid"
    assert await code_of(replica.exchange(session=one.session_token)) == "done"
    events = await auth.pool.fetch(
        "SELECT entity_id FROM feed WHERE type = 'session.ended' AND payload ->> 'user_id' = $1", user.user_id
    )
    assert len(events) == 2
    assert uuid.UUID(second.session_id) in {row["entity_id"] for row in events}


async def test_sessions_that_are_over_are_not_shown_and_a_key_sees_no_current_one(auth: Auth) -> None:
    user = await auth.new_user()
    kept, over = await auth.log_in(user.email), await auth.log_in(user.email, address="over")
    await auth.pool.execute(
        "UPDATE sessions SET last_seen_at = last_seen_at - '8d'::interval WHERE remote_address = 'over'"
    )
    key = await auth.key_of(await identity_of(auth, kept), scopes=["me:read"])
    with use_identity((await auth.exchange(key=key.secret)).identity_token):
        listed = (await auth.me.ListSessions(auth_pb2.ListSessionsRequest())).sessions
        assert [each.current for each in listed] == [False]
        refused = auth.me.RevokeOtherSessions(auth_pb2.RevokeOtherSessionsRequest())
        assert await code_of(refused) == "scope_missing"
    assert over.session_token != kept.session_token


async def test_a_user_has_a_hundred_sessions_at_most_and_any_number_ends_in_one_statement(auth: Auth) -> None:
    user = await auth.new_user()
    kept = await auth.log_in(user.email)
    many = """
        INSERT INTO sessions (session_id, token_hash, user_id, user_agent, remote_address, expires_at, last_seen_at)
        SELECT gen_random_uuid(), int4send(n) || uuid_send($1), $1, '', '', now() + '1h', now() - n * '1s'::interval
        FROM generate_series(1, $2::int) AS n
    """
    owned = "SELECT count(*) FROM sessions WHERE user_id = $1"
    told = "SELECT count(*) FROM feed WHERE type = 'session.ended' AND payload ->> 'user_id' = $1"
    user_id = uuid.UUID(user.user_id)
    await auth.pool.execute(many, user_id, 120)
    newest = await auth.log_in(user.email)
    assert await auth.pool.fetchval(owned, user_id) == 100
    assert await auth.pool.fetchval(told, user.user_id) == 22
    for session in (kept, newest):
        await auth.exchange(session=session.session_token)

    await auth.pool.execute("DELETE FROM feed WHERE payload ->> 'user_id' = $1", user.user_id)
    with use_identity(await auth.root_identity()):
        await auth.accounts.SetSuspended(auth_pb2.SetSuspendedRequest(user_id=user.user_id, suspended=True))
    assert await auth.pool.fetchval(owned, user_id) == 0
    assert await auth.pool.fetchval(told, user.user_id) == 100
    # A row's cmin is its statement's number in the transaction.
    statements = "SELECT count(DISTINCT cmin::text) FROM feed WHERE payload ->> 'user_id' = $1"
    assert await auth.pool.fetchval(statements, user.user_id) == 1


async def test_a_name_is_one_line_and_can_be_taken_away(auth: Auth) -> None:
    user = await auth.new_user()
    with use_identity(await auth.identity(user.email)):
        named = await auth.me.UpdateMe(auth_pb2.UpdateMeRequest(name="  Ann – 映画 "))
        assert named.name == "Ann – 映画"
        for wrong in (" ", "a\nb", "a" * 101, "a\u202eb"):
            with pytest.raises(AppError) as caught:
                await auth.me.UpdateMe(auth_pb2.UpdateMeRequest(name=wrong))
            assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "bad_text")
        assert (await auth.me.UpdateMe(auth_pb2.UpdateMeRequest())).name == "Ann – 映画"
        assert (await auth.me.UpdateMe(auth_pb2.UpdateMeRequest(name=""))).name == ""


async def test_what_happened_is_told_to_the_user_and_to_operators(auth: Auth) -> None:
    user = await auth.new_user()
    unknown = unique_email()
    for email in (user.email, unknown):
        assert await code_of(auth.log_in(email, "wrong", address="203.0.113.50")) == "invalid_credentials"
    identity = await identity_of(auth, await auth.log_in(user.email, address="203.0.113.51"))
    key = (await auth.key_of(identity, client=CLIENT, name="laptop")).key
    with use_identity(identity):
        await auth.me.RevokeApiKey(auth_pb2.RevokeApiKeyRequest(key_id=key.key_id, client=CLIENT))
        await auth.me.RevokeApiKey(auth_pb2.RevokeApiKeyRequest(key_id=key.key_id, client=CLIENT))
        whole = (await auth.me.ListSecurityEvents(auth_pb2.ListMySecurityEventsRequest())).events
        pages: list[auth_pb2.SecurityEvent] = []
        cursor = ""
        while True:
            page = await auth.me.ListSecurityEvents(auth_pb2.ListMySecurityEventsRequest(cursor=cursor, limit=3))
            pages.extend(page.events)
            cursor = page.next_cursor
            if not cursor:
                break
        for wrong in (201, -1):
            listed = auth.me.ListSecurityEvents(auth_pb2.ListMySecurityEventsRequest(limit=wrong))
            assert await code_of(listed) == "bad_limit"
        forbidden = auth.accounts.ListSecurityEvents(auth_pb2.ListSecurityEventsRequest())
        assert await code_of(forbidden) == "scope_missing"
    assert pages == list(whole)
    kinds = [each.kind for each in whole]
    assert kinds[:4] == ["api_key.revoked", "api_key.created", "login.done", "login.refused"]
    assert dict(whole[0].details) == {"key_id": key.key_id, "name": "laptop"}
    assert (whole[3].remote_address, dict(whole[3].details)) == ("203.0.113.50", {"code": "invalid_credentials"})
    assert {each.user_id for each in whole} == {user.user_id}

    with use_identity(await auth.root_identity()):
        request = auth_pb2.ListSecurityEventsRequest(user_id=user.user_id, kind="login.refused", limit=1)
        mine = await auth.accounts.ListSecurityEvents(request)
        refused = (
            await auth.accounts.ListSecurityEvents(auth_pb2.ListSecurityEventsRequest(kind="login.refused"))
        ).events
        every = await auth.accounts.ListSecurityEvents(auth_pb2.ListSecurityEventsRequest(limit=1))
        other = auth_pb2.ListSecurityEventsRequest(kind="login.done", cursor=every.next_cursor)
        assert await code_of(auth.accounts.ListSecurityEvents(other)) == "bad_cursor"
        bad = auth_pb2.ListSecurityEventsRequest(user_id="x")
        assert await code_of(auth.accounts.ListSecurityEvents(bad)) == "bad_id"
    assert [each.event_id for each in mine.events] == [whole[3].event_id]
    nobodys = [each for each in refused if each.remote_address == "203.0.113.50" and not each.user_id]
    assert len(nobodys) == 1
    assert unknown not in str(nobodys[0])
    assert every.next_cursor
    assert ROOT not in str(every)


async def test_what_is_throttled_fills_no_history(auth: Auth) -> None:
    user = await auth.new_user()
    codes = [await code_of(auth.log_in(user.email, "wrong")) for _ in range(13)]
    assert codes == ["invalid_credentials"] * 10 + ["login_throttled"] * 3
    kept = "SELECT count(*) FROM security_events WHERE user_id = $1 AND kind = 'login.refused'"
    assert await auth.pool.fetchval(kept, uuid.UUID(user.user_id)) == 10
