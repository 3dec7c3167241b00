"""Signing somebody out, everywhere."""

from uuid import UUID

from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events
from tseeder_auth.usecases.lock_account import lock_account
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_pg import Pool, feed, transaction


async def sign_out_user(pool: Pool, caller: Caller, user_id: UUID) -> int:
    """Ends all sessions of a user; how many there were. Keys stay. Where there is none nothing is left to do.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`, `role_too_high`; NOT_FOUND `user_not_found`.
    """
    caller.require("admin:write")
    caller.require_role(Role.ADMIN)
    async with transaction(pool) as tx:
        user = await lock_account(tx, caller, user_id)
        if user_id != caller.user_id:
            caller.require_power_over(user_id, user.role)
        ended = await end_sessions_of(tx, user_id)
        if ended:
            await feed.append(tx, "user.sessions_ended", user_id, {})
            await security_events.record(
                tx, EventKind.SESSIONS_ENDED, user_id, security_events.NOBODY, actor=caller.user_id
            )
    return ended
