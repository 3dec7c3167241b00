"""The user himself once more, before what cannot be undone or would lock him out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import Client, LoginRules, Method, User
from tseeder_auth.domain.passwords import prepare_password
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events, sessions, throttles, users
from tseeder_auth.store.users import Credentials
from tseeder_auth.usecases.check_factor import admit_code, code_required, take_code
from tseeder_kit.errors import AppError, forbidden, unauthenticated
from tseeder_pg import Pool, Tx, transaction

FRESH: Final = timedelta(minutes=10)
_TOLD: Final = frozenset({"proof_failed", "second_factor_invalid"})


@dataclass(frozen=True, slots=True, repr=False)
class Proof:
    """What he typed; "" for what he has not, or was not asked for."""

    password: str
    code: str


@dataclass(frozen=True, slots=True, repr=False)
class Proven:
    """Who has proven himself, with what, and in which session."""

    credentials: Credentials
    session_id: UUID

    @property
    def user_id(self) -> UUID:
        """His."""
        return self.credentials.user.user_id


async def prove(
    pool: Pool, hasher: Argon2Pool, rules: LoginRules, sealer: Sealer, caller: Caller, proof: Proof, client: Client
) -> Proven:
    """He, as he was proven: by password and, where a factor is confirmed, its code, which is used up. Whoever acts on
    it begins with `lock_proven`, or with `check_proven` under another lock of the user's.

    Who has no password needs a session younger than ten minutes. Errors: INVALID `password_too_long`; FORBIDDEN
    `session_needed` (an API key), `proof_failed` (the password), `proof_stale`, `account_suspended`; UNAUTHENTICATED
    `session_invalid`, `second_factor_required`, `second_factor_invalid`; EXHAUSTED `login_throttled`; UNAVAILABLE
    `auth_busy`.
    """
    session_id = caller.require_session()
    password = prepare_password(proof.password)
    try:
        prepared = Proof(password, proof.code)
        found = await _prove(pool, hasher, rules, sealer, caller.user_id, session_id, prepared, client)
    except AppError as exc:
        if exc.code in _TOLD:
            await _tell(pool, caller.user_id, exc.code, client)
        raise
    return Proven(found, session_id)


async def lock_proven(tx: Tx, proven: Proven) -> tuple[User, Method]:
    """Locks the account of who has proven himself; the user as he is now, and what his session was opened with.

    Errors: as `check_proven`; UNAUTHENTICATED `session_invalid` too if the account is gone.
    """
    current = await users.lock_credentials(tx, proven.user_id)
    if current is None:
        raise session_over()
    return current.user, await check_proven(tx, proven, current)


async def check_proven(tx: Tx, proven: Proven, current: Credentials) -> Method:
    """Sees that a proof still holds: meanwhile the password may have become another one, as whoever takes an account
    back makes it, and sessions may have been ended. The caller holds the user's lock.

    Errors: FORBIDDEN `proof_failed`, `account_suspended`; UNAUTHENTICATED `session_invalid`.
    """
    if current.password_hash != proven.credentials.password_hash:
        raise proof_failed()
    _check_not_suspended(current.user)
    return await _method_of(tx, current.user, proven.session_id)


async def lock_caller(tx: Tx, caller: Caller) -> Credentials:
    """Locks the caller's account, and sees that his session, if he has one, is not over while its identity is still
    good: for what outlives a session, and so must not begin after its end.

    Errors: UNAUTHENTICATED `session_invalid`; FORBIDDEN `account_suspended`.
    """
    current = await users.lock_credentials(tx, caller.user_id)
    if current is None:
        raise session_over()
    _check_not_suspended(current.user)
    if caller.session_id is not None:
        await _method_of(tx, current.user, caller.session_id)
    return current


def _check_not_suspended(user: User) -> None:
    if user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")


async def _method_of(tx: Tx, user: User, session_id: UUID) -> Method:
    session = await sessions.find_own_session(tx, session_id, user.user_id)
    if session is None:
        raise session_over()
    method, _ = session
    return method


async def _prove(
    pool: Pool,
    hasher: Argon2Pool,
    rules: LoginRules,
    sealer: Sealer,
    user_id: UUID,
    session_id: UUID,
    proof: Proof,
    client: Client,
) -> Credentials:
    with hasher.place():
        async with transaction(pool) as tx:
            claimed, email_key = await _admit(tx, rules, user_id, session_id)
        if claimed.password_hash is not None and not await hasher.verify(claimed.password_hash, proof.password):
            raise proof_failed()
    if claimed.user.second_factor:
        if not proof.code:
            raise code_required()
        await admit_code(pool, rules, user_id)
    async with transaction(pool) as tx:
        current = await users.lock_credentials(tx, user_id)
        if current is None or current.password_hash != claimed.password_hash:
            raise proof_failed()  # deleted, or the password was changed, meanwhile
        if current.user.second_factor:
            if not claimed.user.second_factor:
                raise code_required()
            await take_code(tx, user_id, proof.code, client, rules=rules, sealer=sealer)
        if claimed.password_hash is not None:
            await throttles.delete_tally(tx, "account", throttle.account_subject(email_key))
    return current


async def _admit(tx: Tx, rules: LoginRules, user_id: UUID, session_id: UUID) -> tuple[Credentials, str]:
    """Counts a try at the password, as a sign-in does; or sees that the session is fresh, where there is none."""
    found = await users.find_own_credentials(tx, user_id)
    session = await sessions.find_own_session(tx, session_id, user_id)
    if found is None or session is None:
        raise session_over()
    claimed, email_key = found
    _check_not_suspended(claimed.user)
    if claimed.password_hash is None:
        _, age = session
        if age > FRESH:
            raise forbidden("proof_stale", "Sign in again first: this session is older than ten minutes.")
        return claimed, email_key
    subject = throttle.account_subject(email_key)
    tally, now = await throttles.lock_tally(tx, "account", subject)
    await throttles.save_tally(tx, "account", subject, throttle.admit(rules.account, tally, now))
    return claimed, email_key


async def _tell(pool: Pool, user_id: UUID, code: str, client: Client) -> None:
    async with transaction(pool) as tx:
        if await users.hold(tx, user_id):
            await security_events.record(tx, EventKind.PROOF_REFUSED, user_id, client, details={"code": code})


def session_over() -> AppError:
    """Ended while its identity was still good."""
    return unauthenticated("session_invalid", "The session is over; sign in again.")


def proof_failed() -> AppError:
    """What was typed once more is wrong."""
    return forbidden("proof_failed", "The password is wrong.")
