"""A second factor begins: its first code shows that the app has the secret."""

from dataclasses import dataclass
from uuid import UUID

from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import Client, LoginRules
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.recovery_codes import code_hash, is_totp, new_codes
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import factors, mails, security_events, sessions, throttles, users
from tseeder_auth.usecases.check_factor import admit_code, invalid_code, take_totp
from tseeder_auth.usecases.open_session import NewSession, open_session
from tseeder_auth.usecases.prove import session_over
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_auth.usecases.start_totp import already_on
from tseeder_kit.errors import conflict
from tseeder_pg import Pool, Tx, transaction


@dataclass(frozen=True, slots=True, repr=False)
class Confirmed:
    """The recovery codes, this once, and the session under its new secret."""

    recovery_codes: tuple[str, ...]
    session: NewSession


async def confirm_totp(
    pool: Pool, rules: LoginRules, sealer: Sealer, caller: Caller, code: str, client: Client
) -> Confirmed:
    """Confirms the enrolment, ends all other sessions, and opens this one anew, as one with a second factor.

    Errors: FORBIDDEN `scope_missing`, `session_needed`; UNAUTHENTICATED `session_invalid`, `second_factor_invalid`;
    CONFLICT `totp_already_on`, `totp_not_started`; EXHAUSTED `login_throttled`.
    """
    caller.require("me:write")
    caller.require_session()
    await admit_code(pool, rules, caller.user_id)
    async with transaction(pool) as tx:
        return await _confirm(tx, rules, sealer, caller, code, client)


async def _confirm(tx: Tx, rules: LoginRules, sealer: Sealer, caller: Caller, code: str, client: Client) -> Confirmed:
    user_id, session_id = caller.user_id, caller.require_session()
    current = await users.lock_credentials(tx, user_id)
    session = await sessions.find_own_session(tx, session_id, user_id)
    if current is None or session is None:
        raise session_over()
    factor = await factors.find_factor(tx, user_id, rules.enrolment)
    if factor is None:
        raise conflict("totp_not_started", "Begin the enrolment first; one that is an hour old is forgotten.")
    if factor.confirmed:
        raise already_on()
    if not is_totp(code):
        raise invalid_code()
    await take_totp(tx, sealer, factor, code)
    await factors.confirm_factor(tx, user_id)
    codes = await write_codes(tx, user_id)
    await throttles.delete_tally(tx, "factor", throttle.factor_subject(user_id))
    await end_sessions_of(tx, user_id)
    await security_events.record(tx, EventKind.TOTP_CONFIRMED, user_id, client)
    await mails.enqueue(tx, MailKind.FACTOR_ON, user_id, current.user.email)
    confirmed = await users.find_user(tx, user_id)
    if confirmed is None:
        raise session_over()
    method, _ = session
    opened = await open_session(tx, rules, confirmed, client, method=method, second_factor=True)
    return Confirmed(codes, opened)


async def write_codes(tx: Tx, user_id: UUID) -> tuple[str, ...]:
    """New recovery codes in the place of all that there were; the caller holds the user's lock."""
    codes = new_codes()
    await factors.delete_codes(tx, user_id)
    await factors.insert_codes(tx, user_id, [code_hash(user_id, code) for code in codes])
    return codes
