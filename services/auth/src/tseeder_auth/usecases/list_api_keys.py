"""One's API keys."""

from collections.abc import Sequence

from tseeder_auth.domain.accounts import ApiKey
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import api_keys
from tseeder_pg import Pool, transaction


async def list_api_keys(pool: Pool, caller: Caller) -> Sequence[ApiKey]:
    """The caller's keys, newest first; revoked ones are left out. Errors: FORBIDDEN `scope_missing`."""
    caller.require("me:read")
    async with transaction(pool, readonly=True) as tx:
        return await api_keys.list_keys(tx, caller.user_id)
