"""Ending an API key."""

from uuid import UUID

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import api_keys, security_events, users
from tseeder_kit.errors import not_found
from tseeder_pg import Pool, feed, transaction


async def revoke_api_key(pool: Pool, caller: Caller, key_id: UUID, client: Client) -> None:
    """Revokes a key of the caller's; once more changes nothing.

    Errors: FORBIDDEN `scope_missing`; NOT_FOUND `api_key_not_found`, also for another user's key.
    """
    caller.require("me:write")
    async with transaction(pool) as tx:
        # The user first, as everywhere: what is written here refers to him.
        known = await users.hold(tx, caller.user_id)
        key = await api_keys.lock_key(tx, key_id, caller.user_id) if known else None
        if key is None:
            raise not_found("api_key_not_found", "There is no such API key.")
        if key.revoked_at is None:
            await api_keys.revoke_key(tx, key_id)
            details = {"key_id": str(key_id), "name": key.name}
            await security_events.record(tx, EventKind.KEY_REVOKED, caller.user_id, client, details=details)
            await feed.append(tx, "api_key.revoked", key_id, {"user_id": str(caller.user_id)})
