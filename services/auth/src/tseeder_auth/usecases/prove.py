"""Proving once more that it is the user himself, before what cannot be undone or would lock him out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.passwords import prepare_password
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import sessions, throttles, users
from tseeder_auth.store.users import Credentials
from tseeder_kit.errors import AppError, forbidden, not_found
from tseeder_pg import Pool, transaction

YOUNG: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the user typed once more; "" where he was not asked."""

    password: str
    code: str


async def prove(pool: Pool, hasher: Argon2Pool, rules: LoginRules, caller: Caller, proof: Proof) -> Credentials:
    """The user's credentials as they were proven: whoever acts on them looks, under a lock, that they still are.

    A wrong password counts as a failed sign-in. Who has no password needs a session younger than ten minutes.

    Errors: NOT_FOUND `user_not_found`; INVALID `password_too_long`; FORBIDDEN `proof_failed`, `proof_stale`;
    EXHAUSTED `login_throttled` with `retry_after_seconds`; UNAVAILABLE `auth_busy`.
    """
    async with transaction(pool, readonly=True) as tx:
        found = await users.credentials_of(tx, caller.user_id)
    if found is None:
        raise not_found("user_not_found", "This account does not exist any more.")
    known, email_key = found
    if known.password_hash is None:
        await _prove_by_session(pool, caller)
    else:
        await _prove_by_password(pool, hasher, rules, known.password_hash, email_key, proof)
    return known


async def _prove_by_password(
    pool: Pool, hasher: Argon2Pool, rules: LoginRules, known_hash: str, email_key: str, proof: Proof
) -> None:
    password, subject = prepare_password(proof.password), throttle.account_subject(email_key)
    with hasher.place():
        async with transaction(pool) as tx:
            tally, now = await throttles.lock_tally(tx, "account", subject)
            await throttles.save_tally(tx, "account", subject, throttle.admit(rules.account, tally, now))
        if not await hasher.verify(known_hash, password):
            raise proof_failed()
    async with transaction(pool) as tx:
        await throttles.delete_tally(tx, "account", subject)


async def _prove_by_session(pool: Pool, caller: Caller) -> None:
    opened = None
    if caller.session_id is not None:
        async with transaction(pool, readonly=True) as tx:
            opened = await sessions.how_opened(tx, caller.session_id, caller.user_id, YOUNG)
    if opened is None or not opened.is_young:
        raise forbidden("proof_stale", "Sign in again, and do this within ten minutes.")


def proof_failed() -> AppError:
    """What was typed once more is wrong."""
    return forbidden("proof_failed", "The password is wrong.")
