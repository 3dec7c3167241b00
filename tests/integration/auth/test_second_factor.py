"""Second factors: enrolment, sign-in, proofs, recovery, and what operators need one for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.auth.factors import CLIENT, code_at, enrolled, identity_of, proof, started
from tests.integration.auth.running import PASSWORD, Auth, running_auth
from tseeder.auth.v1 import auth_pb2
from tseeder_auth.adapters.sealing import KeyringError, write_key_file
from tseeder_auth.main import build
from tseeder_auth.usecases.purge_expired import purge_expired
from tseeder_kit.errors import AppError
from tseeder_rpc import use_identity
from tseeder_stack.provision import Database


@pytest.fixture(scope="module")
async def strict(auth: Auth, auth_dsn: str, nats_url: str) -> AsyncIterator[Auth]:
    """Another replica: operators need a factor, and four wrong codes are free."""
    folder = auth.settings.identity_private_key.parent
    changes = {"operators_need_second_factor": True, "factor_free_failures": 4, "login_first_wait_seconds": 600}
    async with running_auth(auth_dsn, nats_url, folder, **changes) as strict:
        yield strict


async def code_of(attempt: Awaitable[Any]) -> str:
    """How it is answered."""
    try:
        await attempt
    except AppError as exc:
        return exc.code
    return "done"


async def test_enrolment_asks_for_nothing_until_it_is_confirmed(auth: Auth) -> None:
    user = await auth.new_user()
    session, other = await auth.log_in(user.email), await auth.log_in(user.email)
    identity = await identity_of(auth, session)
    with use_identity(identity):
        wrong = auth_pb2.StartTotpRequest(proof=proof(password="wrong"), client=CLIENT)
        assert await code_of(auth.me.StartTotp(wrong)) == "proof_failed"
        assert await code_of(auth.me.ConfirmTotp(auth_pb2.ConfirmTotpRequest(code="000000"))) == "totp_not_started"
    abandoned = await started(auth, identity)
    begun = await started(auth, identity)
    assert begun.secret != abandoned.secret
    assert begun.secret in begun.uri
    assert begun.qr_svg.startswith("<svg")
    assert (await auth.log_in(user.email)).user.second_factor is False

    with use_identity(identity):
        for code in (code_at(abandoned.secret), "abcd-efgh-ijkl-mnop", code_at(begun.secret, -3)):
            confirm = auth.me.ConfirmTotp(auth_pb2.ConfirmTotpRequest(code=code))
            assert await code_of(confirm) == "second_factor_invalid"
        code = code_at(begun.secret)
        done = await auth.me.ConfirmTotp(auth_pb2.ConfirmTotpRequest(code=code, client=CLIENT))
    assert len(set(done.recovery_codes)) == 10
    assert done.session.user.second_factor is True
    assert done.session.session_token not in (session.session_token, "")
    for ended in (session, other):
        assert await code_of(auth.exchange(session=ended.session_token)) == "session_invalid"
    await auth.exchange(session=done.session.session_token)
    # The identity of the ended session is good for a minute more, and proves nothing.
    with use_identity(identity):
        assert await code_of(auth.me.DisableTotp(auth_pb2.DisableTotpRequest(proof=proof()))) == "session_invalid"
    assert await code_of(auth.log_in(user.email)) == "second_factor_required"
    assert await code_of(auth.log_in(user.email, "wrong")) == "invalid_credentials"
    assert await code_of(auth.log_in(user.email, code=code)) == "second_factor_invalid"  # used by the confirmation
    with use_identity(await identity_of(auth, done.session)):
        again = auth_pb2.StartTotpRequest(proof=proof(code_at(begun.secret, 1)))
        assert await code_of(auth.me.StartTotp(again)) == "totp_already_on"


async def test_a_step_opens_once_also_through_another_replica_and_at_once(auth: Auth, strict: Auth) -> None:
    who = await enrolled(auth)
    code = code_at(who.secret)
    answers = await asyncio.gather(*(code_of(each.log_in(who.user.email, code=code)) for each in (auth, strict)))
    assert sorted(answers) == ["done", "second_factor_invalid"]
    for each in (auth, strict):
        assert await code_of(each.log_in(who.user.email, code=code)) == "second_factor_invalid"
    # The step after it is good; then those before it are not, though nobody used them.
    later = code_at(who.secret, 1)
    session = await strict.log_in(who.user.email, code=f" {later[:3]} {later[3:]}")
    assert await code_of(auth.log_in(who.user.email, code=code_at(who.secret, -1))) == "second_factor_invalid"
    rows = await auth.pool.fetch("SELECT second_factor FROM sessions WHERE user_id = $1", who.user_id)
    assert [row["second_factor"] for row in rows] == [True] * 3
    assert session.user.second_factor


async def test_secrets_and_recovery_codes_are_not_in_the_rows(auth: Auth) -> None:
    who = await enrolled(auth)
    rows = [
        str(dict(row))
        for table in ("totp_factors", "recovery_codes", "security_events", "mails", "feed")
        for row in await auth.pool.fetch(f"SELECT * FROM {table}")  # noqa: S608
    ]
    for secret in (who.secret, who.session.session_token, *who.recovery_codes, who.recovery_codes[0].replace("-", "")):
        assert not [row for row in rows if secret in row]


async def test_a_recovery_code_opens_once(auth: Auth, strict: Auth) -> None:
    who, somebody = await enrolled(auth), await enrolled(auth)
    first, second, third = who.recovery_codes[:3]
    answers = await asyncio.gather(*(code_of(each.log_in(who.user.email, code=first)) for each in (auth, strict)))
    assert sorted(answers) == ["done", "second_factor_invalid"]
    assert await code_of(auth.log_in(who.user.email, code=second.upper().replace("-", " "))) == "done"
    assert await code_of(auth.log_in(somebody.user.email, code=third)) == "second_factor_invalid"
    details = await auth.pool.fetch(
        "SELECT details FROM security_events WHERE user_id = $1 AND kind = 'recovery_code.used' ORDER BY at",
        who.user_id,
    )
    assert [row["details"] for row in details] == [{"codes_left": "9"}, {"codes_left": "8"}]

    with use_identity(await identity_of(auth, who.session)):
        request = auth_pb2.ReplaceRecoveryCodesRequest(proof=proof(code_at(who.secret)))
        fresh = list((await auth.me.ReplaceRecoveryCodes(request)).recovery_codes)
    assert len(set(fresh) - set(who.recovery_codes)) == 10
    assert await code_of(auth.log_in(who.user.email, code=third)) == "second_factor_invalid"
    assert await code_of(auth.log_in(who.user.email, code=fresh[0])) == "done"


async def test_switching_it_off_takes_password_and_code(auth: Auth) -> None:
    who = await enrolled(auth)
    key = await auth.key_of(await identity_of(auth, who.session))
    code = code_at(who.secret)
    for identity, given, expected in (
        ((await auth.exchange(key=key.secret)).identity_token, proof(code), "session_needed"),
        (await identity_of(auth, who.session), proof(), "second_factor_required"),
        (await identity_of(auth, who.session), proof(code, password=""), "proof_failed"),
        (await identity_of(auth, who.session), proof("000000"), "second_factor_invalid"),
        (await identity_of(auth, who.session), proof(code), "done"),
        (await identity_of(auth, who.session), proof(), "totp_not_on"),
    ):
        with use_identity(identity):
            off = auth.me.DisableTotp(auth_pb2.DisableTotpRequest(proof=given, client=CLIENT))
            assert await code_of(off) == expected
    assert (await auth.log_in(who.user.email)).user.second_factor is False
    assert await auth.pool.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", who.user_id) == 0
    rows = await auth.pool.fetch(
        "SELECT kind, details, remote_address FROM security_events"
        " WHERE user_id = $1 AND kind ~ '^(totp|proof)' ORDER BY at",
        who.user_id,
    )
    assert [(row["kind"], row["details"].get("code")) for row in rows] == [
        ("totp.confirmed", None),
        ("proof.refused", "proof_failed"),
        ("proof.refused", "second_factor_invalid"),
        ("totp.disabled", None),
    ]
    assert {row["remote_address"] for row in rows} == {CLIENT.remote_address}


async def test_who_has_no_password_needs_a_fresh_session(auth: Auth) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    user_id = uuid.UUID(user.user_id)
    await auth.pool.execute("UPDATE users SET password_hash = NULL WHERE user_id = $1", user_id)
    assert len((await started(auth, identity)).secret) == 32
    await auth.pool.execute(
        "UPDATE sessions SET created_at = created_at - '11min'::interval WHERE user_id = $1", user_id
    )
    assert await code_of(started(auth, identity)) == "proof_stale"


async def test_codes_are_slowed_down_apart_from_passwords_and_never_for_good(auth: Auth, strict: Auth) -> None:
    who = await enrolled(auth)
    tries = [await code_of(strict.log_in(who.user.email, code="000000")) for _ in range(5)]
    assert tries == ["second_factor_invalid"] * 4 + ["login_throttled"]
    assert await code_of(strict.log_in(who.user.email, code=code_at(who.secret))) == "login_throttled"
    await strict.pool.execute(
        "UPDATE login_throttles SET blocked_until = clock_timestamp() WHERE kind IN ('factor', 'account')"
    )
    assert await code_of(strict.log_in(who.user.email, code=code_at(who.secret))) == "done"
    tries = [await code_of(strict.log_in(who.user.email, code="000000")) for _ in range(5)]
    assert tries == ["second_factor_invalid"] * 4 + ["login_throttled"]


async def test_guesses_at_a_password_are_not_forgiven_before_the_code_was_good(auth: Auth) -> None:
    who = await enrolled(auth)
    for _ in range(9):
        assert await code_of(auth.log_in(who.user.email)) == "second_factor_required"
    assert await code_of(auth.log_in(who.user.email, code=code_at(who.secret))) == "done"
    assert await code_of(auth.log_in(who.user.email)) == "second_factor_required"


async def test_operators_need_one(strict: Auth) -> None:
    own = ["me:read", "me:write"]
    user = await strict.new_user_by_row(auth_pb2.ROLE_ADMIN)
    session = await strict.log_in(user.email)
    exchanged = await strict.exchange(session=session.session_token)
    assert (list(exchanged.scopes), exchanged.second_factor_required) == (own, True)
    with use_identity(exchanged.identity_token):
        assert await code_of(strict.accounts.ListUsers(auth_pb2.ListUsersRequest())) == "scope_missing"
    key = (await strict.key_of(exchanged.identity_token)).secret
    await strict.pool.execute(
        "UPDATE api_keys SET scopes = '{jobs:read,admin:read,admin:write}' WHERE user_id = $1", uuid.UUID(user.user_id)
    )
    of_key = await strict.exchange(key=key)
    assert (list(of_key.scopes), of_key.second_factor_required) == (["jobs:read"], True)

    secret = (await started(strict, exchanged.identity_token)).secret
    # One that is not confirmed is none.
    assert (await strict.exchange(session=session.session_token)).second_factor_required
    with use_identity(exchanged.identity_token):
        done = await strict.me.ConfirmTotp(auth_pb2.ConfirmTotpRequest(code=code_at(secret)))
    whole = await strict.exchange(session=done.session.session_token)
    assert ("admin:write" in whole.scopes, whole.second_factor_required) == (True, False)
    assert list((await strict.exchange(key=key)).scopes) == ["jobs:read", "admin:read", "admin:write"]
    with use_identity(whole.identity_token):
        await strict.accounts.ListUsers(auth_pb2.ListUsersRequest())
    # A session that was opened without the factor is not enough.
    await strict.pool.execute("UPDATE sessions SET second_factor = false WHERE user_id = $1", uuid.UUID(user.user_id))
    assert list((await strict.exchange(session=done.session.session_token)).scopes) == own
    ordinary = await strict.new_user_by_row(auth_pb2.ROLE_USER)
    of_user = await strict.exchange(session=(await strict.log_in(ordinary.email)).session_token)
    assert ("jobs:write" in of_user.scopes, of_user.second_factor_required) == (True, False)


async def test_keys_that_do_not_open_what_there_is_stop_the_start(
    migrated_database: Database, nats_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "auth-keys.json"
    async with running_auth(migrated_database.urls["auth"], nats_url, tmp_path, crypto_generate=True) as auth:
        await auth.bootstrap("root@example.org")
        assert path.exists()
        who = await enrolled(auth)
        with pytest.raises(KeyringError, match=r"missing; restore it, or set TSEEDER_AUTH_CRYPTO_GENERATE=true$"):
            await _start(auth, crypto_keys=tmp_path / "none.json", crypto_generate=False)
        with pytest.raises(KeyringError, match=r"none.json is missing, and the database needs its keys \(data-1\)"):
            await _start(auth, crypto_keys=tmp_path / "none.json", crypto_generate=True)
        assert not (tmp_path / "none.json").exists()
        write_key_file(tmp_path / "other.json")
        with pytest.raises(KeyringError, match=r"does not open what was sealed with data-1"):
            await _start(auth, crypto_keys=tmp_path / "other.json")
        await auth.pool.execute("DELETE FROM totp_factors")
        await _start(auth, crypto_keys=tmp_path / "none.json", crypto_generate=True)
        assert (tmp_path / "none.json").exists()
        assert await code_of(auth.log_in(who.user.email, PASSWORD)) == "done"


async def _start(auth: Auth, **changes: Any) -> None:
    async with build(auth.settings.model_copy(update=changes)):
        pass


async def test_what_nobody_finished_is_swept(auth: Auth) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    user_id = uuid.UUID(user.user_id)
    secret = (await started(auth, identity)).secret
    await auth.pool.execute(
        "UPDATE totp_factors SET created_at = created_at - '61min'::interval WHERE user_id = $1", user_id
    )
    with use_identity(identity):
        late = auth.me.ConfirmTotp(auth_pb2.ConfirmTotpRequest(code=code_at(secret)))
        assert await code_of(late) == "totp_not_started"
    old = "clock_timestamp() - '401d'::interval"
    await auth.pool.execute(
        f"UPDATE security_events SET at = {old} WHERE user_id = $1 AND kind = 'login.done'",  # noqa: S608
        user_id,
    )
    await auth.pool.execute(
        "INSERT INTO sign_in_challenges (challenge_hash, user_id, method, expires_at)"
        " VALUES ('1', $1, 'oidc', clock_timestamp()), ('2', $1, 'oidc', clock_timestamp() + '5min'::interval)",
        user_id,
    )
    confirmed = await enrolled(auth)
    await purge_expired(auth.pool, auth.settings.login_rules(), auth.settings.registration_rules())
    left = "SELECT count(*) FROM {} WHERE user_id = $1"
    counts = {
        table: await auth.pool.fetchval(left.format(table), user_id)
        for table in ("totp_factors", "security_events", "sign_in_challenges")
    }
    assert counts == {"totp_factors": 0, "security_events": 0, "sign_in_challenges": 1}
    assert await auth.pool.fetchval(left.format("totp_factors"), confirmed.user_id) == 1
