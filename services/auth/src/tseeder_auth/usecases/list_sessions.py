"""One's sessions."""

from collections.abc import Sequence
from typing import Final

from tseeder_auth.domain.accounts import LoginRules, Session
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import sessions
from tseeder_pg import Pool, transaction

MAX_SHOWN: Final = 500


async def list_sessions(pool: Pool, rules: LoginRules, caller: Caller) -> Sequence[Session]:
    """The caller's sessions that are not over, the last seen first. Errors: FORBIDDEN `scope_missing`."""
    caller.require("me:read")
    async with transaction(pool, readonly=True) as tx:
        return await sessions.list_sessions(tx, caller.user_id, rules.session_idle, MAX_SHOWN)
