"""Whether an account may be used."""

from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events, users
from tseeder_auth.usecases.lock_account import keep_a_superadmin, lock_account, user_not_found
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_pg import Pool, Tx, feed, transaction


async def set_suspended(pool: Pool, caller: Caller, user_id: UUID, *, suspended: bool) -> User:
    """Suspends an account: its sessions end, and its keys open nothing; or reinstates it: its keys are good again, its
    sessions are not. What it is already changes nothing.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`, `role_too_high`, `own_account`; NOT_FOUND `user_not_found`;
    CONFLICT `last_superadmin`.
    """
    caller.require("admin:write")
    caller.require_role(Role.ADMIN)
    async with transaction(pool) as tx:
        user = await lock_account(tx, caller, user_id)
        caller.require_power_over(user_id, user.role)
        if user.suspended == suspended:
            return user
        if suspended:
            await keep_a_superadmin(tx, user)
        await _change(tx, caller, user_id, suspended=suspended)
        changed = await users.find_user(tx, user_id)
    if changed is None:
        raise user_not_found()
    return changed


async def _change(tx: Tx, caller: Caller, user_id: UUID, *, suspended: bool) -> None:
    await users.set_suspended(tx, user_id, suspended=suspended)
    if suspended:
        await end_sessions_of(tx, user_id)
    await feed.append(tx, "user.suspended" if suspended else "user.reinstated", user_id, {})
    kind = EventKind.SUSPENDED if suspended else EventKind.REINSTATED
    await security_events.record(tx, kind, user_id, security_events.NOBODY, actor=caller.user_id)
