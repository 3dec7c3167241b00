"""One account, for operators."""

from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.store import users
from tseeder_auth.usecases.lock_account import user_not_found
from tseeder_pg import Pool, transaction


async def get_user(pool: Pool, caller: Caller, user_id: UUID) -> User:
    """The account. Errors: FORBIDDEN `scope_missing`, `role_too_low`; NOT_FOUND `user_not_found`."""
    caller.require("admin:read")
    caller.require_role(Role.SUPPORT)
    async with transaction(pool, readonly=True) as tx:
        user = await users.find_user(tx, user_id)
    if user is None:
        raise user_not_found()
    return user
