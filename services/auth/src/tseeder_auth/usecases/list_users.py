"""Accounts, for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.emails import fold
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.store import cursor_keys, users
from tseeder_kit import cursor
from tseeder_kit.errors import invalid
from tseeder_pg import Pool, transaction

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_TEXT_CHARS: Final = 254
MAX_IDS: Final = 400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class UserPage:
    """Users, newest first, and where the list goes on ("" at the end)."""

    users: Sequence[User]
    next_cursor: str


async def list_users(pool: Pool, caller: Caller, text: str, after: str, limit: int) -> UserPage:
    """Users whose address holds `text` ("": all); `limit` 1 to 200, 0 for 50.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    _require_read(caller)
    if not 0 <= limit <= MAX_LIMIT:
        raise invalid("bad_limit", f"limit must be 1 to {MAX_LIMIT}.")
    if len(text) > MAX_TEXT_CHARS or "\0" in text:
        raise invalid("bad_text", f"text must be at most {MAX_TEXT_CHARS} characters, without NUL.")
    size, wanted = limit or DEFAULT_LIMIT, fold(text)
    async with transaction(pool, readonly=True) as tx:
        key = cursor.derive_key(await cursor_keys.cursor_key(tx), "auth.users")
        found = await users.list_users(tx, wanted, _position(key, wanted, after), size + 1)
    shown = found[:size]
    return UserPage(shown, _cursor(key, wanted, shown[-1]) if len(found) > size else "")


async def find_users(pool: Pool, caller: Caller, user_ids: Sequence[UUID]) -> UserPage:
    """Those of at most 400 users that there are, in no order.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `too_many_ids`.
    """
    _require_read(caller)
    if len(user_ids) > MAX_IDS:
        raise invalid("too_many_ids", f"At most {MAX_IDS} ids can be asked for at once.")
    async with transaction(pool, readonly=True) as tx:
        return UserPage(await users.find_users(tx, user_ids), "")


def _require_read(caller: Caller) -> None:
    caller.require("admin:read")
    caller.require_role(Role.SUPPORT)


def _cursor(key: bytes, text: str, last: User) -> str:
    # Whole microseconds, as Postgres has them: a float would round.
    return cursor.encode(key, [text, (last.created_at - _EPOCH) // _MICROSECOND, str(last.user_id)])


def _position(key: bytes, text: str, after: str) -> tuple[datetime, UUID] | None:
    if not after:
        return None
    of_text, micros, user_id = cursor.decode(key, after)
    if of_text != text:
        raise invalid("bad_cursor", "The cursor belongs to a list with another text.")
    return _EPOCH + int(micros) * _MICROSECOND, UUID(str(user_id))
