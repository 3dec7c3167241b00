"""The frame of operators' verbs on an account: it is held, and the operator is still what his token says."""

from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.store import users
from tseeder_kit.errors import AppError, conflict, forbidden, not_found
from tseeder_pg import Tx


async def lock_account(tx: Tx, caller: Caller, user_id: UUID) -> User:
    """The account, held until the transaction ends.

    An identity token is good for a minute, and who was demoted or suspended in it must not act on others any more:
    FORBIDDEN `role_too_low`. NOT_FOUND `user_not_found`.
    """
    held = await users.lock_credentials(tx, user_id)
    if held is None:
        raise user_not_found()
    operator = held.user if user_id == caller.user_id else await users.find_user(tx, caller.user_id)
    if operator is None or operator.suspended or operator.role.rank < caller.role.rank:
        raise forbidden("role_too_low", "You no longer have the role that this needs.", role=str(caller.role))
    return held.user


async def keep_a_superadmin(tx: Tx, user: User) -> None:
    """Before a superadmin, whose row is held, stops being one that can act. Raises CONFLICT `last_superadmin`."""
    if user.role is Role.SUPERADMIN and await users.is_last_superadmin(tx, user.user_id):
        raise conflict("last_superadmin", "This is the last superadmin; make another one first.")


def user_not_found() -> AppError:
    """No such account, or not any more."""
    return not_found("user_not_found", "There is no such account.")
