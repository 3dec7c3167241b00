"""Another password: for who has forgotten his, and for who knows it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.integration.auth.factors import enrolled
from tests.integration.auth.mailing import APP, CLIENT, Mailing, code_of
from tests.integration.auth.running import PASSWORD, Auth, running_auth, unique_email
from tseeder.auth.v1 import auth_pb2
from tseeder.auth.v1 import registration_pb2 as pb
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

NEW = "quite another passphrase"


async def test_a_reset_sets_the_password_once(mailing: Mailing) -> None:
    """It ends every session, signs nobody in, and leaves a second factor alone."""
    email = unique_email()
    await mailing.member(email)
    careful = await enrolled(mailing.auth, user=(await mailing.auth.log_in(email)).user)
    session, user_id = careful.session, careful.user.user_id
    assert (await mailing.mail.wait_for(email, 2)).message["Subject"] == "A second factor was turned on"
    assert await mailing.ask_reset(email.upper()) == pb.RequestPasswordResetResponse()
    token = await mailing.token(email, 3)  # after those that confirm the address, and tell of the factor
    mail = mailing.mail.to(email)[2]
    assert mail.message["Subject"] == "Set a new password"
    assert f"{APP}/reset-password#token={token}" in mail.text
    assert "30 minutes" in mail.text

    # What is refused leaves the token good.
    assert await code_of(mailing.verify(token)) == "token_invalid"
    assert await code_of(mailing.reset(token, "iloveyou1")) == "password_breached"
    assert await code_of(mailing.reset(token, "x" * 1_000_000)) == "password_too_long"
    await mailing.auth.exchange(session=session.session_token)

    await mailing.reset(token, NEW)
    assert await code_of(mailing.auth.exchange(session=session.session_token)) == "session_invalid"
    with pytest.raises(AppError) as caught:
        await mailing.reset(token, PASSWORD)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "token_invalid")
    assert await code_of(mailing.auth.log_in(email)) == "invalid_credentials"
    pool = mailing.auth.pool
    assert await pool.fetchval("SELECT count(*) FROM totp_factors WHERE user_id = $1", user_id) == 1
    told = await mailing.mail.wait_for(email, 4)
    assert told.message["Subject"] == "Your password was changed"
    assert "were ended.\n\nIf it was not you" in told.text
    ended = await pool.fetchval(
        "SELECT payload FROM feed WHERE type = 'user.sessions_ended' AND entity_id = $1", user_id
    )
    assert ended == {"reason": "password_reset"}
    events = await mailing.events(email)
    assert [kind for kind in events if kind.startswith("password")] == ["password.reset_requested", "password.reset"]


async def test_an_expired_reset_opens_nothing(mailing: Mailing) -> None:
    """A good one confirms the address, too, where an earlier release left that undone; others are never sent."""
    email = unique_email()
    await mailing.member(email)
    await mailing.auth.pool.execute("UPDATE users SET verified_at = NULL WHERE email = $1", email)
    await mailing.ask_reset(email)
    late = await mailing.token(email, 2)
    await mailing.auth.pool.execute(
        "UPDATE mail_tokens SET expires_at = clock_timestamp() FROM users u "
        "WHERE u.user_id = mail_tokens.user_id AND purpose = 'reset' AND u.email = $1",
        email,
    )
    assert await code_of(mailing.reset(late, NEW)) == "token_invalid"
    assert await code_of(mailing.reset("no such token", NEW)) == "token_invalid"
    await mailing.ask_reset(email)
    token = await mailing.token(email, 3)
    queued = "INSERT INTO mails VALUES ($1, 'reset', $2, $3, now(), 'infinity', 'infinity')"
    pool = mailing.auth.pool
    user_id = await pool.fetchval("SELECT user_id FROM users WHERE email = $1", email)
    await pool.execute(queued, uuid4(), user_id, email)
    await mailing.reset(token, NEW)
    assert await mailing.outbox(email, "reset") == 0
    session = await mailing.auth.log_in(email, NEW)
    assert session.user.verified
    await pool.execute(queued, uuid4(), user_id, email)
    identity = (await mailing.auth.exchange(session=session.session_token)).identity_token
    await change(mailing.auth, identity, NEW, PASSWORD)
    assert await mailing.outbox(email, "reset") == 0


async def test_a_reset_of_nobody_is_answered_alike_and_mails_nobody(mailing: Mailing) -> None:
    email, known = unique_email(), unique_email()
    await mailing.member(known)
    assert await mailing.ask_reset(email) == await mailing.ask_reset(known)
    await mailing.mail.wait_for(known, 2)
    assert mailing.mail.to(email) == []


async def change(auth: Auth, identity: str, password: str, new: str) -> auth_pb2.LogInResponse:
    proof = auth_pb2.Proof(password=password)
    with use_identity(identity):
        return await auth.me.ChangePassword(
            auth_pb2.ChangePasswordRequest(proof=proof, new_password=new, client=CLIENT)
        )


async def test_a_changed_password_ends_sessions(mailing: Mailing) -> None:
    """A new one takes their place."""
    auth, email = mailing.auth, unique_email()
    await mailing.member(email)
    mine, other = await auth.log_in(email), await auth.log_in(email)
    identity = (await auth.exchange(session=mine.session_token)).identity_token
    key = await auth.key_of(identity)
    by_key = (await auth.exchange(key=key.secret)).identity_token
    for who, password, new, code in (
        (by_key, PASSWORD, NEW, "session_needed"),
        (identity, "not the password", NEW, "proof_failed"),
        (identity, "", NEW, "proof_failed"),
        (identity, PASSWORD, "iloveyou1", "password_breached"),
    ):
        assert await code_of(change(auth, who, password, new)) == code
    await auth.exchange(session=mine.session_token)

    fresh = await change(auth, identity, PASSWORD, NEW)
    assert fresh.session_token not in (mine.session_token, other.session_token)
    assert fresh.csrf_token != mine.csrf_token
    for session in (mine, other):
        assert await code_of(auth.exchange(session=session.session_token)) == "session_invalid"
    await auth.exchange(session=fresh.session_token)
    await auth.exchange(key=key.secret)
    assert await code_of(auth.log_in(email)) == "invalid_credentials"
    # Its session is over, though its identity token lives for some seconds more.
    assert await code_of(change(auth, identity, NEW, PASSWORD)) == "session_invalid"
    told = await mailing.mail.wait_for(email, 2)
    assert told.message["Subject"] == "Your password was changed"
    assert "were ended. Your API key goes on working.\n\nIf it was not you" in told.text
    assert "password.changed" in await mailing.events(email)


async def test_who_has_no_password_needs_a_young_session(mailing: Mailing) -> None:
    auth, email = mailing.auth, unique_email()
    await mailing.member(email)
    session = await auth.log_in(email)
    identity = (await auth.exchange(session=session.session_token)).identity_token
    await auth.pool.execute("UPDATE users SET password_hash = NULL WHERE email = $1", email)
    age = "UPDATE sessions SET created_at = created_at - $1::text::interval WHERE user_id = $2"
    await auth.pool.execute(age, "11 min", session.user.user_id)
    assert await code_of(change(auth, identity, "", NEW)) == "proof_stale"
    await auth.pool.execute(age, "-11 min", session.user.user_id)
    await change(auth, identity, "", NEW)
    await auth.log_in(email, NEW)


async def test_guessing_at_the_proof_is_slowed_down_as_signing_in_is(
    mailing: Mailing, auth_dsn: str, nats_url: str
) -> None:
    email = unique_email()
    await mailing.member(email)
    session = await mailing.auth.log_in(email)
    identity = (await mailing.auth.exchange(session=session.session_token)).identity_token
    folder = mailing.auth.settings.identity_private_key.parent
    limits = {"login_account_free_failures": 1, "login_first_wait_seconds": 30}
    async with running_auth(auth_dsn, nats_url, folder, **limits) as strict:
        assert await code_of(change(strict, identity, "a wrong one", NEW)) == "proof_failed"
        assert await code_of(change(strict, identity, PASSWORD, NEW)) == "login_throttled"
