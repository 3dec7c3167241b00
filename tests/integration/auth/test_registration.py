"""Making an account for oneself: confirmed by mail, and without telling anybody who has one."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable

import asyncpg
import pytest

from tests.integration.auth.mailing import APP, CLIENT, SETTINGS, TERMS, Mailing, code_of, token_in
from tests.integration.auth.running import PASSWORD, Auth, eventually, running_auth, unique_email
from tseeder.auth.v1 import auth_pb2
from tseeder.auth.v1 import registration_pb2 as pb
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.throttle import mail_subject
from tseeder_auth.domain.tokens import new_api_key, token_hash
from tseeder_auth.usecases.add_user import add_user
from tseeder_auth.usecases.purge_expired import purge_expired
from tseeder_auth.usecases.purge_registrations import purge_registrations
from tseeder_kit.errors import AppError, Kind
from tseeder_rpc import use_identity

OTHER_PASSWORD = "quite another passphrase"


async def test_register_confirm_sign_in(mailing: Mailing) -> None:
    email = unique_email()
    assert await mailing.register(email) == pb.RegisterResponse()
    mail = await mailing.mail.wait_for(email)
    assert mail.message["From"] == "tseeder <no-reply@example.org>"
    assert (mail.message["To"], mail.message["Subject"]) == (email, "Confirm your e-mail address")
    assert mail.message["Auto-Submitted"] == "auto-generated"
    token = await mailing.token(email)
    assert f"{APP}/verify-email#token={token}" in mail.text
    assert "POST https://tseeder.example.org/v1/auth/verify-email" in mail.text
    assert "24 hours" in mail.text

    with pytest.raises(AppError) as caught:
        await mailing.auth.log_in(email)
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "email_unverified")
    assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "invalid_credentials"

    await mailing.verify(token)
    assert (await mailing.auth.log_in(email)).user.verified
    with pytest.raises(AppError) as caught:
        await mailing.verify(token)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "token_invalid")

    row = await mailing.auth.pool.fetchrow("SELECT * FROM users WHERE email = $1", email)
    assert row is not None
    assert (row["role"], row["terms_version"]) == ("user", TERMS)
    assert row["terms_accepted_at"] is not None
    assert await mailing.events(email) == [
        "account.verified",
        "login.done",
    ]
    created = "SELECT count(*) FROM feed WHERE type = 'user.created' AND entity_id = $1"
    assert await mailing.auth.pool.fetchval(created, row["user_id"]) == 1
    kept = [
        str(dict(each))
        for table in ("mails", "mail_tokens", "registration_tokens", "pending_registrations")
        for each in await mailing.auth.pool.fetch(
            f"SELECT * FROM {table}"  # noqa: S608
        )
    ]
    assert not [each for each in kept if token in each]


async def test_an_address_with_an_account_is_told_by_mail_only_and_once_an_hour(mailing: Mailing) -> None:
    email = unique_email()
    await mailing.member(email)
    for _ in range(3):
        assert await mailing.register(email.upper(), OTHER_PASSWORD) == pb.RegisterResponse()
    mail = await mailing.mail.wait_for(email, 2)
    assert mail.message["Subject"] == "You have an account already"
    await eventually(lambda: _is(mailing.outbox(email), 0))
    assert len(mailing.mail.to(email)) == 2
    await mailing.auth.log_in(email)
    assert await code_of(mailing.auth.log_in(email, "no passphrase of anybody")) == "invalid_credentials"


async def test_what_was_registered_is_answered_alike_whether_there_is_an_account(mailing: Mailing) -> None:
    """At a sign-in, before and after somebody confirms; and no mail opens an account that there is."""
    free, member = unique_email(), unique_email()
    await mailing.member(member)
    for email in (free, member):
        await mailing.register(email, OTHER_PASSWORD)
        assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "email_unverified"
        await mailing.resend(email)
        await eventually(lambda email=email: _is(mailing.outbox(email), 0))  # type: ignore[misc]
    assert [each.message["Subject"] for each in mailing.mail.to(member)[1:]] == ["You have an account already"]
    await mailing.register(free)
    token = token_in(await mailing.mail.wait_for(free, 3))
    await mailing.verify(token, PASSWORD)
    for email in (free, member):
        assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "email_unverified"
        await mailing.auth.log_in(email)
    # Its account gone, an address is free; but what waits is still not its owner's.
    await mailing.auth.pool.execute("DELETE FROM users WHERE email = $1", member)
    await mailing.resend(member)
    assert await code_of(mailing.verify(await mailing.token(member, 3))) == "password_needed"


async def test_whoever_confirms_gets_his_own_password_and_no_strangers(mailing: Mailing) -> None:
    email = unique_email()
    await mailing.register(email)
    own = await mailing.token(email)
    await mailing.register(email, OTHER_PASSWORD)
    strangers = await mailing.token(email, 2)
    await mailing.resend(email)
    for token in (own, strangers, await mailing.token(email, 3)):
        assert await code_of(mailing.verify(token)) == "password_needed"
        assert await code_of(mailing.verify(token, "iloveyou1")) == "password_breached"
    # Though the other one is over, it has been there.
    pool = mailing.auth.pool
    first = await pool.fetchval("SELECT min(pending_id::text)::uuid FROM pending_registrations WHERE email = $1", email)
    mine = "UPDATE pending_registrations SET expires_at = expires_at + $2::text::interval WHERE pending_id = $1"
    await pool.execute(mine, first, "-8d")
    assert await code_of(mailing.verify(strangers)) == "password_needed"
    await pool.execute(mine, first, "8d")
    await mailing.verify(strangers, PASSWORD)
    assert (await mailing.auth.log_in(email)).user.email == email
    assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "email_unverified"
    assert await code_of(mailing.verify(own, PASSWORD)) == "token_invalid"


async def test_a_password_beside_the_token_is_the_accounts_whatever_was_registered(mailing: Mailing) -> None:
    """So nobody who gives his own gets a stranger's, and nothing is told about what was registered."""
    email = unique_email()
    await mailing.register(email, OTHER_PASSWORD)
    await mailing.verify(await mailing.token(email), PASSWORD)
    await mailing.auth.log_in(email)
    assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "email_unverified"  # it waits, for nothing


async def test_few_registrations_of_an_address_wait_and_the_same_one_waits_once(mailing: Mailing) -> None:
    email = unique_email()
    await mailing.register(email)
    await mailing.register(email)
    await mailing.verify(await mailing.token(email, 2))
    kept = "SELECT count(*) FROM pending_registrations WHERE email = $1"
    for index in range(6):
        await mailing.register(email, f"passphrase number {index}")
    assert await mailing.auth.pool.fetchval(kept, email) == 5
    # Those that were first stay: nobody pushes another's out.
    assert await code_of(mailing.auth.log_in(email, "passphrase number 0")) == "email_unverified"
    assert await code_of(mailing.auth.log_in(email, "passphrase number 5")) == "invalid_credentials"


async def test_who_finds_all_places_taken_is_mailed_and_gives_his_password(mailing: Mailing) -> None:
    email = unique_email()
    for index in range(5):
        await mailing.register(email, f"passphrase number {index}", client={"remote_address": f"203.0.113.{index}"})
    await mailing.register(email)
    await mailing.resend(email)
    token = await mailing.token(email, 4)  # three on request, and the one that was asked for again
    assert await code_of(mailing.verify(token)) == "password_needed"
    assert await code_of(mailing.auth.log_in(email)) == "invalid_credentials"  # his own was not kept
    await mailing.verify(token, PASSWORD)
    await mailing.auth.log_in(email)


async def test_a_twins_registrations_take_no_places_of_anothers(mailing: Mailing) -> None:
    email = unique_email()
    twin = email.replace("user", "ｕｓｅｒ")
    for index in range(5):
        await mailing.register(twin, f"passphrase number {index}", client={"remote_address": f"203.0.113.{index}"})
    await mailing.register(email)
    assert await code_of(mailing.auth.log_in(email)) == "email_unverified"  # it waits
    await mailing.resend(email)  # the mails on request are used up
    await mailing.verify(await mailing.token(email), PASSWORD)
    assert (await mailing.auth.log_in(email)).user.email == email


async def test_no_stranger_who_was_first_keeps_a_password(mailing: Mailing) -> None:
    """The stranger writes the same address in full width; mails go where it was typed last."""
    email = unique_email()
    twin = email.replace("user", "ｕｓｅｒ")
    await mailing.register(twin, OTHER_PASSWORD)
    first = await mailing.token(twin)
    await mailing.register(email)
    second = await mailing.token(email)
    for token in (first, second):
        assert await code_of(mailing.verify(token)) == "password_needed"
    await mailing.verify(second, PASSWORD)
    assert await code_of(mailing.verify(first, OTHER_PASSWORD)) == "token_invalid"
    assert await code_of(mailing.auth.log_in(email, OTHER_PASSWORD)) == "email_unverified"
    assert (await mailing.auth.log_in(twin)).user.email == email


async def test_a_lost_mail_is_sent_anew_to_who_waits_for_it_and_to_nobody_else(mailing: Mailing) -> None:
    waiting, member, nobody = unique_email(), unique_email(), unique_email()
    await mailing.register(waiting)
    await mailing.member(member)
    first = await mailing.token(waiting)
    for email in (waiting, member, nobody):
        assert await mailing.resend(email) == pb.ResendVerificationResponse()
    second = await mailing.token(waiting, 2)
    for email in (waiting, member, nobody):
        await eventually(lambda email=email: _is(mailing.outbox(email), 0))  # type: ignore[misc]
    assert (len(mailing.mail.to(member)), mailing.mail.to(nobody)) == (1, [])
    await mailing.verify(first)  # each is good, until one was used
    assert await code_of(mailing.verify(second)) == "token_invalid"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "nobody"}, "bad_email"),
        ({"password": "1234567"}, "password_too_short"),
        ({"password": "x" * 1_000_000}, "password_too_long"),
        ({"password": "Password123"}, "password_breached"),
        ({"password": "ｐａｓｓｗｏｒｄ１２３"}, "password_breached"),
        ({"accepted_terms_version": ""}, "terms_not_accepted"),
        ({"accepted_terms_version": "2025-01"}, "terms_not_accepted"),
    ],
)
async def test_a_bad_registration_changes_nothing(mailing: Mailing, changes: dict[str, str], code: str) -> None:
    before = await mailing.auth.pool.fetchval("SELECT count(*) FROM pending_registrations")
    with pytest.raises(AppError) as caught:
        await mailing.register(**{"email": unique_email(), **changes})
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, code)
    assert caught.value.fields
    assert await mailing.auth.pool.fetchval("SELECT count(*) FROM pending_registrations") == before


async def test_a_breached_password_is_refused_wherever_one_is_set(auth: Auth) -> None:
    password, email = "iloveyou1", unique_email()
    bootstrap = auth_pb2.BootstrapRequest(token="x", email=email, password=password)
    assert await code_of(auth.sessions.Bootstrap(bootstrap)) == "password_breached"
    new = auth_pb2.CreateUserRequest(email=email, password=password, user_id=str(uuid.uuid4()))
    with use_identity(await auth.root_identity()):
        assert await code_of(auth.accounts.CreateUser(new)) == "password_breached"
    with Argon2Pool(1, 1) as hasher:
        assert await code_of(add_user(auth.pool, hasher, email, password)) == "password_breached"


async def test_closed_unless_opened_and_said_so(auth: Auth, mailing: Mailing) -> None:
    request = pb.RegisterRequest(email=unique_email(), password=PASSWORD, accepted_terms_version="1", client=CLIENT)
    with pytest.raises(AppError) as caught:
        await auth.registration.Register(request)
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, "registration_closed")
    closed = await auth.registration.GetConfig(pb.GetConfigRequest())
    assert not closed.registration_open
    opened = await mailing.auth.registration.GetConfig(pb.GetConfigRequest())
    assert (opened.registration_open, opened.human_check, opened.terms_version) == (True, "none", TERMS)
    assert (opened.password_min_chars, opened.password_max_chars) == (8, 128)


async def test_asking_too_often_is_slowed_down(mailing: Mailing, auth_dsn: str, nats_url: str) -> None:
    """By network address with an error; by recipient without a word, since that would tell of him."""
    folder = mailing.auth.settings.identity_private_key.parent
    limits = {**SETTINGS, "smtp_port": mailing.mail.port, "mail_account_free": 2, "mail_address_free": 4}
    async with running_auth(auth_dsn, nats_url, folder, **limits) as strict:
        slow = Mailing(strict, mailing.mail)
        email = unique_email()
        client = {"client": {"remote_address": "203.0.113.200"}}
        for _ in range(4):
            await slow.ask_reset(email, **client)
        asked = "SELECT failures FROM login_throttles WHERE kind = 'mail_account' AND subject = $1"
        assert await strict.pool.fetchval(asked, mail_subject("reset", email)) == 2
        assert await strict.pool.fetchval(asked, mail_subject("register", email)) is None  # each for itself
        for call in (slow.ask_reset(unique_email(), **client), slow.resend(unique_email(), **client)):
            with pytest.raises(AppError) as caught:
                await call
            assert (caught.value.kind, caught.value.code) == (Kind.EXHAUSTED, "mail_throttled")
            assert 1 <= int(caught.value.details["retry_after_seconds"]) <= 60
        await slow.ask_reset(unique_email(), client={"remote_address": "203.0.113.201"})

        # A stranger who had all of an address's mails sent does not get his password confirmed for another's.
        for number, password in enumerate((OTHER_PASSWORD, OTHER_PASSWORD, PASSWORD)):
            await slow.register(email, password, client={"remote_address": f"203.0.113.{202 + number}"})
        strangers = await slow.token(email, 2)
        assert await code_of(slow.verify(strangers)) == "password_needed"
        await slow.verify(strangers, PASSWORD)
        await strict.log_in(email)


async def test_a_registration_that_nobody_confirms_goes(mailing: Mailing) -> None:
    email, member = unique_email(), unique_email()
    await mailing.register(email)
    token = await mailing.token(email)
    await mailing.member(member)
    pool, kept = mailing.auth.pool, "SELECT count(*) FROM pending_registrations WHERE email = $1"
    await purge_registrations(pool)
    assert await pool.fetchval(kept, email) == 1
    await pool.execute("UPDATE pending_registrations SET expires_at = now() - '1s'::interval WHERE email = $1", email)
    assert await code_of(mailing.verify(token)) == "token_invalid"
    assert await code_of(mailing.auth.log_in(email)) == "invalid_credentials"
    await purge_registrations(pool)
    assert await pool.fetchval(kept, email) == 0
    await mailing.auth.log_in(member)


async def unconfirmed(pool: asyncpg.Pool, role: str = "user") -> uuid.UUID:
    """An account whose address nobody has confirmed: no release makes one, and none may be good."""
    insert = (
        "INSERT INTO users (user_id, email, email_key, role, password_hash, verified_at)"
        " VALUES (gen_random_uuid(), $1, $1, $2, 'x', NULL) RETURNING user_id"
    )
    user_id: uuid.UUID = await pool.fetchval(insert, unique_email(), role)
    return user_id


async def test_accounts_that_nobody_confirms_go_but_for_those_an_operator_touched(mailing: Mailing) -> None:
    pool, settings = mailing.auth.pool, mailing.auth.settings
    idle, suspended, operator = [await unconfirmed(pool, role) for role in ("user", "user", "admin")]
    await pool.execute("UPDATE users SET suspended_at = now() WHERE user_id = $1", suspended)
    await pool.execute("UPDATE users SET updated_at = updated_at - '8d'::interval WHERE verified_at IS NULL")
    await purge_expired(pool, settings.login_rules(), settings.registration_rules())
    left = await pool.fetch("SELECT user_id FROM users WHERE user_id = ANY ($1)", [idle, suspended, operator])
    assert {row["user_id"] for row in left} == {suspended, operator}


async def test_who_has_not_confirmed_gets_no_role_and_no_session_by_a_former_release(mailing: Mailing) -> None:
    auth, pool = mailing.auth, mailing.auth.pool
    user_id = await unconfirmed(pool)
    promote = auth_pb2.SetRoleRequest(user_id=str(user_id), role=auth_pb2.ROLE_ADMIN)
    with use_identity(await auth.root_identity()):
        with pytest.raises(AppError) as caught:
            await auth.accounts.SetRole(promote)
        assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "account_unverified")
    await pool.execute(
        "INSERT INTO sessions (session_id, token_hash, user_id, user_agent, remote_address, expires_at)"
        " VALUES (gen_random_uuid(), $2, $1, '', '', now() + '1h')",
        user_id,
        token_hash("opened by it"),
    )
    key = new_api_key()
    await pool.execute(
        "INSERT INTO api_keys (key_id, user_id, name, prefix, secret_hash, scopes, fingerprint)"
        " VALUES (gen_random_uuid(), $1, 'k', $2, $3, '{me:read}', '')",
        user_id,
        key.prefix,
        token_hash(key.text),
    )
    assert await code_of(auth.exchange(session="opened by it")) == "session_invalid"
    assert await code_of(auth.exchange(key=key.text)) == "api_key_invalid"
    await pool.execute("UPDATE users SET verified_at = now() WHERE user_id = $1", user_id)
    assert (await auth.exchange(session="opened by it")).user.verified
    assert (await auth.exchange(key=key.text)).user.verified


async def test_whom_the_former_release_inserts_is_vouched_for(mailing: Mailing) -> None:
    """Its operators made all accounts, and its statement knows no `verified_at`."""
    email, pool = unique_email(), mailing.auth.pool
    with Argon2Pool(1, 1) as hasher:
        password_hash = await hasher.hash(PASSWORD)
    await pool.execute(
        "INSERT INTO users (user_id, email, email_key, role, password_hash)"
        " VALUES (gen_random_uuid(), $1, $1, 'admin', $2)",
        email,
        password_hash,
    )
    assert (await mailing.auth.log_in(email)).user.verified


async def _is(found: Awaitable[object], wanted: object) -> bool:
    return bool(await found == wanted)
