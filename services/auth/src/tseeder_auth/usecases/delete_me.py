"""The end of one's own account."""

from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.store import mails, pending_registrations, throttles, users
from tseeder_auth.usecases.lock_account import keep_a_superadmin, user_not_found
from tseeder_auth.usecases.prove import Proven, check_proven
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Pool, Tx, feed, transaction

_deleted = counter("auth_accounts_deleted", "Accounts that their users deleted")
_log = get_logger(__name__)


async def delete_me(pool: Pool, proven: Proven) -> None:
    """Deletes the account of who has proven himself once more, with all that this service keeps of it.

    Its address is free at once; the other services do their part by the event. Who is suspended may not: what he did
    is still being looked at.

    Errors: those of `check_proven`; CONFLICT `last_superadmin`; NOT_FOUND `user_not_found` once it is done.
    """
    async with transaction(pool) as tx:
        found = await users.lock_to_delete(tx, proven.user_id)
        if found is None:
            raise user_not_found()
        current, email_key = found
        await check_proven(tx, proven, current)
        await keep_a_superadmin(tx, current.user)
        await _delete(tx, current.user)
    async with transaction(pool) as tx:
        # Apart: a registration locks its tally first and the user then. A crash before this leaves it to the sweep.
        subjects = [*throttle.subjects_of(email_key), throttle.factor_subject(proven.user_id)]
        await throttles.delete_tallies(tx, subjects)
        await pending_registrations.lock_address(tx, email_key)
        await pending_registrations.forget_address(tx, email_key)
    _deleted.inc()
    _log.info("account_deleted", user_id=str(proven.user_id))


async def _delete(tx: Tx, user: User) -> None:
    """Without a security event: those of the account go with it."""
    await feed.append(tx, "user.deleted", user.user_id, {})
    await users.delete_user(tx, user.user_id)
    await mails.enqueue(tx, MailKind.ACCOUNT_DELETED, None, user.email)
