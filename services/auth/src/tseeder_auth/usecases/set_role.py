"""What an account may do, changed by a superadmin."""

from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events, users
from tseeder_auth.usecases.lock_account import keep_a_superadmin, lock_account, user_not_found
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_kit.errors import conflict
from tseeder_pg import Pool, Tx, feed, transaction


async def set_role(pool: Pool, caller: Caller, user_id: UUID, role: Role) -> User:
    """The account under its new role; all its sessions have ended, and its keys do what both allow. The role that it
    has already changes nothing.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; NOT_FOUND `user_not_found`; CONFLICT `last_superadmin`,
    `account_unverified`: whoever registered an address need not be its owner.
    """
    caller.require("admin:write")
    caller.require_role(Role.SUPERADMIN)
    async with transaction(pool) as tx:
        user = await lock_account(tx, caller, user_id)
        if user.role is role:
            return user
        if not user.verified:
            raise conflict("account_unverified", "The account's e-mail address was not confirmed yet.")
        if role is not Role.SUPERADMIN:
            await keep_a_superadmin(tx, user)
        await _change(tx, caller, user, role)
        changed = await users.find_user(tx, user_id)
    if changed is None:
        raise user_not_found()
    return changed


async def _change(tx: Tx, caller: Caller, user: User, role: Role) -> None:
    await users.set_role(tx, user.user_id, role)
    await end_sessions_of(tx, user.user_id)
    await feed.append(tx, "user.role_changed", user.user_id, {"role": str(role)})
    await security_events.record(
        tx,
        EventKind.ROLE_CHANGED,
        user.user_id,
        security_events.NOBODY,
        actor=caller.user_id,
        details={"from": str(user.role), "to": str(role)},
    )
