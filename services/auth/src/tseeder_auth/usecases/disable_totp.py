"""A second factor ends."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import factors, mails, security_events, users
from tseeder_auth.usecases.prove import session_over
from tseeder_kit.errors import AppError, conflict
from tseeder_pg import Pool, transaction


async def disable_totp(pool: Pool, caller: Caller, client: Client) -> None:
    """Takes the factor and its recovery codes away; the caller has proven himself.

    Errors: UNAUTHENTICATED `session_invalid`; CONFLICT `totp_not_on`.
    """
    async with transaction(pool) as tx:
        current = await users.lock_credentials(tx, caller.user_id)
        if current is None:
            raise session_over()
        if not await factors.delete_factor(tx, caller.user_id):
            raise not_on()
        await factors.delete_codes(tx, caller.user_id)
        await security_events.record(tx, EventKind.TOTP_DISABLED, caller.user_id, client)
        await mails.enqueue(tx, MailKind.FACTOR_OFF, caller.user_id, current.user.email)


def not_on() -> AppError:
    """There is no confirmed factor."""
    return conflict("totp_not_on", "This account has no second factor.")
