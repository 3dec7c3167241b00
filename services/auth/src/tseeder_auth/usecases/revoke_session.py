"""Ending sessions from another one, or one of them by an API key."""

from uuid import UUID

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import security_events, sessions, users
from tseeder_auth.usecases.session_ends import end_sessions_of, tell_session_ended
from tseeder_kit.errors import not_found
from tseeder_pg import Pool, transaction


async def revoke_session(pool: Pool, caller: Caller, session_id: UUID, client: Client) -> None:
    """Ends a session of the caller's, be it this one.

    Errors: FORBIDDEN `scope_missing`; NOT_FOUND `session_not_found`, also for another user's, and for one that is over.
    """
    caller.require("me:write")
    async with transaction(pool) as tx:
        known = await users.hold(tx, caller.user_id)
        if not known or not await sessions.delete_own_session(tx, session_id, caller.user_id):
            raise not_found("session_not_found", "There is no such session.")
        await tell_session_ended(tx, session_id, caller.user_id)
        details = {"session_id": str(session_id)}
        await security_events.record(tx, EventKind.SESSION_REVOKED, caller.user_id, client, details=details)


async def revoke_other_sessions(pool: Pool, caller: Caller, client: Client) -> int:
    """Ends all of the caller's sessions but this one; gives how many.

    Errors: FORBIDDEN `scope_missing`, `session_needed` (by an API key: "but this one" would mean nothing).
    """
    caller.require("me:write")
    own = caller.require_session()
    async with transaction(pool) as tx:
        if not await users.hold(tx, caller.user_id):
            return 0
        ended = await end_sessions_of(tx, caller.user_id, but=own)
        if ended:
            details = {"ended": str(ended)}
            await security_events.record(tx, EventKind.SESSIONS_ENDED, caller.user_id, client, details=details)
        return ended
