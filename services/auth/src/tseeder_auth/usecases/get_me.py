"""Oneself."""

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller
from tseeder_auth.store import users
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import Pool, transaction


async def get_me(pool: Pool, caller: Caller) -> User:
    """The caller's account. Errors: FORBIDDEN `scope_missing`; NOT_FOUND `user_not_found` if it was just deleted."""
    caller.require("me:read")
    async with transaction(pool, readonly=True) as tx:
        user = await users.find_user(tx, caller.user_id)
    if user is None:
        raise no_account()
    return user


def no_account() -> AppError:
    """It was just deleted."""
    return not_found("user_not_found", "This account does not exist any more.")
