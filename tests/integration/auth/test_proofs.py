"""What a proof is worth later, and what waits for what, when an account is acted on at the same moment."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from tests.integration.auth.factors import CLIENT, proof
from tests.integration.auth.mailing import code_of
from tests.integration.auth.running import Auth, eventually
from tseeder.auth.v1 import auth_pb2
from tseeder_auth.domain.accounts import Client
from tseeder_auth.store import users
from tseeder_auth.usecases.delete_me import delete_me
from tseeder_auth.usecases.disable_totp import disable_totp
from tseeder_auth.usecases.open_sealer import open_sealer
from tseeder_auth.usecases.prove import Proven
from tseeder_auth.usecases.replace_recovery_codes import replace_recovery_codes
from tseeder_auth.usecases.start_totp import start_totp
from tseeder_pg import transaction
from tseeder_rpc import use_identity

_NOBODY: Final = Client("", "")
MEANWHILE: Final = {
    "proof_failed": "UPDATE users SET password_hash = 'another' WHERE user_id = $1",
    "account_suspended": "UPDATE users SET suspended_at = now() WHERE user_id = $1",
    "session_invalid": "DELETE FROM sessions WHERE user_id = $1",
}


@pytest.mark.parametrize("code", MEANWHILE)
async def test_a_proof_is_worth_nothing_once_the_account_was_taken_back(auth: Auth, code: str) -> None:
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    session_id = auth.verifier.verify(identity).session_id
    pool, user_id = auth.pool, uuid.UUID(user.user_id)
    async with transaction(pool) as tx:
        found = await users.find_own_credentials(tx, user_id)
    assert found is not None
    assert session_id is not None
    proven = Proven(found[0], uuid.UUID(session_id))
    sealer = await open_sealer(pool, auth.settings.crypto_keys, generate=False)
    await pool.execute(MEANWHILE[code], user_id)
    acts: list[Awaitable[Any]] = [
        start_totp(pool, sealer, proven, issuer="tseeder"),
        disable_totp(pool, proven, _NOBODY),
        replace_recovery_codes(pool, proven, _NOBODY),
        delete_me(pool, proven),
    ]
    assert [await code_of(each) for each in acts] == [code] * 4
    assert await pool.fetchval("SELECT count(*) FROM users WHERE user_id = $1", user_id) == 1
    assert await pool.fetchval("SELECT count(*) FROM totp_factors WHERE user_id = $1", user_id) == 0


async def test_whoever_deletes_himself_holds_nothing_while_he_waits_for_a_tally(auth: Auth) -> None:
    """A registration of his address has locked the tally, and wants his row next."""
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    user_id = uuid.UUID(user.user_id)
    async with auth.pool.acquire() as held, held.transaction():
        tally = "INSERT INTO login_throttles (kind, subject) VALUES ('mail_account', sha256($1::text::bytea))"
        await held.execute(tally, user.email)
        await auth.pool.execute(tally.replace("mail_account", "factor"), user.email)
        await held.execute("SELECT FROM login_throttles WHERE subject = sha256($1::text::bytea) FOR UPDATE", user.email)
        deleting = asyncio.create_task(deleted(auth, identity))
        await eventually(gone(auth, user_id), seconds=4.5)
        assert not deleting.done()
    await deleting
    left = "SELECT count(*) FROM login_throttles WHERE subject = sha256($1::text::bytea) AND kind = 'factor'"
    assert await auth.pool.fetchval(left, user.email) == 0


async def deleted(auth: Auth, identity: str) -> None:
    with use_identity(identity):
        await auth.me.DeleteMe(auth_pb2.DeleteMeRequest(proof=proof(), client=CLIENT))


def gone(auth: Auth, user_id: uuid.UUID) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(await auth.pool.fetchval("SELECT count(*) FROM users WHERE user_id = $1", user_id) == 0)

    return look


async def test_whoever_revokes_a_key_waits_for_its_user_first(auth: Auth) -> None:
    """The deletion of the account locks him, and his keys after him."""
    user = await auth.new_user()
    identity = await auth.identity(user.email)
    key_id = uuid.UUID((await auth.key_of(identity)).key.key_id)

    async def revoked() -> None:
        with use_identity(identity):
            await auth.me.RevokeApiKey(auth_pb2.RevokeApiKeyRequest(key_id=str(key_id), client=CLIENT))

    async def waits() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%users%'"
        return bool(await auth.pool.fetchval(waiting))

    async with auth.pool.acquire() as held, held.transaction():
        await held.execute("SELECT FROM users WHERE user_id = $1 FOR UPDATE", uuid.UUID(user.user_id))
        revoking = asyncio.create_task(revoked())
        await eventually(waits, seconds=4.5)
        # Refused at once, if it were held by who waits.
        await held.execute("SELECT FROM api_keys WHERE key_id = $1 FOR UPDATE NOWAIT", key_id)
    await revoking
    revoked_at = "SELECT revoked_at FROM api_keys WHERE key_id = $1"
    assert await auth.pool.fetchval(revoked_at, key_id) is not None
