"""Signing in with a password. The answer and the time it takes do not tell whether an account exists."""

import hashlib
from dataclasses import dataclass
from typing import Final

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import Client, LoginRules, User
from tseeder_auth.domain.emails import parse_email
from tseeder_auth.domain.passwords import prepare_password
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import pending_registrations, security_events, throttles, users
from tseeder_auth.store.users import Credentials
from tseeder_auth.usecases.check_factor import admit_code, code_required, take_code
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_kit.errors import AppError, forbidden, unauthenticated
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_kit.throttle import take_back
from tseeder_pg import Pool, Tx, transaction

_logins = counter("auth_logins", "Sign-ins that were tried", ("outcome",))
_log = get_logger(__name__)

_TOLD: Final = frozenset({"invalid_credentials", "account_suspended", "email_unverified", "second_factor_invalid"})


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What the client typed, and where it is."""

    email: str
    password: str
    client: Client
    code: str = ""  # of the second factor; "" if none was asked for yet


async def log_in(
    pool: Pool, hasher: Argon2Pool, sealer: Sealer, rules: LoginRules, request: LoginRequest
) -> NewSession:
    """Opens a session.

    Errors: INVALID `password_too_long`; UNAUTHENTICATED `invalid_credentials`; to who knows the password only:
    FORBIDDEN `account_suspended`, `email_unverified`, UNAUTHENTICATED `second_factor_required`,
    `second_factor_invalid`; EXHAUSTED `login_throttled` with `retry_after_seconds`; UNAVAILABLE `auth_busy`.
    """
    password = prepare_password(request.password)
    email_key = _email_key(request.email)
    fingerprints = sealer.fingerprints(password, email_key)
    try:
        with hasher.place():
            async with transaction(pool) as tx:
                await _admit(tx, rules, email_key, request.client.remote_address)
                claimed = await users.find_credentials(tx, email_key)
                waits = await pending_registrations.waits(tx, email_key, fingerprints)
            known_hash = claimed.password_hash if claimed else None
            if not await hasher.verify(known_hash, password) or claimed is None or known_hash is None:
                # A registration waits just so where the address has an account: neither answer tells of one.
                raise _unverified() if waits else _invalid_credentials()
            fresh_hash = await hasher.hash(password) if hasher.is_dated(known_hash) else None
        await _admit_code(pool, rules, request, claimed.user)
        async with transaction(pool) as tx:
            session = await _open_session(tx, sealer, rules, request, claimed, fresh_hash)
            await _forgive(tx, rules, email_key, request.client.remote_address)
    except AppError as exc:
        _logins.labels(exc.code).inc()
        _log.info("login_refused", code=exc.code)
        if exc.code in _TOLD:
            await _tell(pool, email_key, exc.code, request.client)
        raise
    _logins.labels("done").inc()
    _log.info("login_done", user_id=str(session.user.user_id))
    return session


def _email_key(text: str) -> str:
    """What is not an address gets a key that no account has (there is no @ in it), and the same way from there."""
    try:
        return parse_email(text).key
    except AppError:
        return hashlib.sha256(text.encode()).hexdigest()


async def _admit(tx: Tx, rules: LoginRules, email_key: str, remote_address: str) -> None:
    """Counts a try for the account and the address, or refuses it, and then counts it for neither."""
    subject = throttle.account_subject(email_key)
    tally, now = await throttles.lock_tally(tx, "account", subject)
    await throttles.save_tally(tx, "account", subject, throttle.admit(rules.account, tally, now))
    if remote_address:
        subject = throttle.address_subject(remote_address)
        tally, now = await throttles.lock_tally(tx, "address", subject)
        await throttles.save_tally(tx, "address", subject, throttle.admit(rules.address, tally, now))


async def _forgive(tx: Tx, rules: LoginRules, email_key: str, remote_address: str) -> None:
    """The account's tries are forgotten; of the address's only this one, or one good account would free it."""
    await throttles.delete_tally(tx, "account", throttle.account_subject(email_key))
    await _take_back(tx, rules, remote_address)


async def _take_back(tx: Tx, rules: LoginRules, remote_address: str) -> None:
    if remote_address:
        subject = throttle.address_subject(remote_address)
        tally, _ = await throttles.lock_tally(tx, "address", subject)
        await throttles.save_tally(tx, "address", subject, take_back(rules.address, tally))


async def _admit_code(pool: Pool, rules: LoginRules, request: LoginRequest, user: User) -> None:
    """Asks for a code, or counts a try at it, where the account has a second factor."""
    if not user.second_factor or user.suspended or not user.verified:
        return
    if not request.code:
        # Nothing was guessed, so the address is none the worse; the account's tries stay until the code was good.
        async with transaction(pool) as tx:
            await _take_back(tx, rules, request.client.remote_address)
        raise code_required()
    await admit_code(pool, rules, user.user_id)


async def _open_session(
    tx: Tx, sealer: Sealer, rules: LoginRules, request: LoginRequest, claimed: Credentials, fresh_hash: str | None
) -> NewSession:
    current = await users.lock_credentials(tx, claimed.user.user_id)
    if current is None or current.password_hash != claimed.password_hash:
        # Deleted, or the password was changed, while this one was being verified.
        raise _invalid_credentials()
    if current.user.suspended:
        raise forbidden("account_suspended", "This account is suspended.")
    if not current.user.verified:
        raise _unverified()
    with_factor = current.user.second_factor
    if with_factor:
        if not claimed.user.second_factor:
            raise code_required()  # confirmed while the password was being verified
        await take_code(tx, current.user.user_id, request.code, request.client, rules=rules, sealer=sealer)
    if fresh_hash is not None:
        await users.set_password_hash(tx, current.user.user_id, fresh_hash)
    await security_events.record(tx, EventKind.LOGIN_DONE, current.user.user_id, request.client)
    return await open_session(tx, rules, current.user, request.client, method="password", second_factor=with_factor)


async def _tell(pool: Pool, email_key: str, code: str, client: Client) -> None:
    """In the account's history, or, with as much work, in nobody's. What throttles refuse is not written down."""
    async with transaction(pool) as tx:
        user_id = await users.hold_by_email(tx, email_key)
        await security_events.record(tx, EventKind.LOGIN_REFUSED, user_id, client, details={"code": code})


def _invalid_credentials() -> AppError:
    return unauthenticated("invalid_credentials", "The e-mail address or the password is wrong.")


def _unverified() -> AppError:
    return forbidden("email_unverified", "The e-mail address was not confirmed yet; a mail to it says how.")
