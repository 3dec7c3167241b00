"""The end of one's own account."""

from tseeder_auth.domain import throttle
from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import mails, throttles, users
from tseeder_auth.usecases.lock_account import keep_a_superadmin, user_not_found
from tseeder_kit.errors import forbidden
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import counter
from tseeder_pg import Pool, Tx, feed, transaction

_deleted = counter("auth_accounts_deleted", "Accounts that their users deleted")
_log = get_logger(__name__)


async def delete_me(pool: Pool, caller: Caller) -> None:
    """Deletes the account of a caller who has proven himself once more, with all that this service keeps of it.

    Its address is free at once; the other services do their part by the event. Who is suspended may not: what he did
    is still being looked at.

    Errors: FORBIDDEN `scope_missing`, `account_suspended`; CONFLICT `last_superadmin`; NOT_FOUND `user_not_found` once
    it is done.
    """
    caller.require("me:write")
    async with transaction(pool) as tx:
        found = await users.lock_to_delete(tx, caller.user_id)
        if found is None:
            raise user_not_found()
        user, email_key = found
        if user.suspended:
            raise forbidden("account_suspended", "This account is suspended.")
        await keep_a_superadmin(tx, user)
        await _delete(tx, user, email_key)
    _deleted.inc()
    _log.info("account_deleted", user_id=str(caller.user_id))


async def _delete(tx: Tx, user: User, email_key: str) -> None:
    """Without a security event: those of the account go with it."""
    await feed.append(tx, "user.deleted", user.user_id, {})
    await throttles.delete_tallies(tx, [*throttle.subjects_of(email_key), throttle.factor_subject(user.user_id)])
    await users.delete_user(tx, user.user_id)
    await mails.enqueue(tx, MailKind.ACCOUNT_DELETED, None, user.email)
