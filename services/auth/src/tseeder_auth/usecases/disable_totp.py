"""A second factor ends."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import factors, mails, security_events
from tseeder_auth.usecases.prove import Proven, lock_proven
from tseeder_kit.errors import AppError, conflict
from tseeder_pg import Pool, transaction


async def disable_totp(pool: Pool, proven: Proven, client: Client) -> None:
    """Takes the factor and its recovery codes away; the user has proven himself.

    Errors: those of `lock_proven`; CONFLICT `totp_not_on`.
    """
    async with transaction(pool) as tx:
        user, _ = await lock_proven(tx, proven)
        if not await factors.delete_factor(tx, proven.user_id):
            raise not_on()
        await factors.delete_codes(tx, proven.user_id)
        await security_events.record(tx, EventKind.TOTP_DISABLED, proven.user_id, client)
        await mails.enqueue(tx, MailKind.FACTOR_OFF, proven.user_id, user.email)


def not_on() -> AppError:
    """There is no confirmed factor."""
    return conflict("totp_not_on", "This account has no second factor.")
