"""What one is called."""

from typing import Final

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Caller
from tseeder_auth.domain.text import one_line
from tseeder_auth.store import users
from tseeder_auth.usecases.get_me import no_account
from tseeder_pg import Pool, transaction

MAX_NAME_CHARS: Final = 100


async def set_my_name(pool: Pool, caller: Caller, name: str) -> User:
    """The caller under this name; "" takes it away.

    Errors: FORBIDDEN `scope_missing`; INVALID `bad_text`; NOT_FOUND `user_not_found` if he was just deleted.
    """
    caller.require("me:write")
    wanted = one_line("name", name, longest=MAX_NAME_CHARS) if name else None
    async with transaction(pool) as tx:
        user = await users.set_name(tx, caller.user_id, wanted)
    if user is None:
        raise no_account()
    return user
