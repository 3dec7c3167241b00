"""What happened to accounts: to one's own, and, for operators, to all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.domain.security_events import SecurityEvent
from tseeder_auth.store import cursor_keys, security_events
from tseeder_kit import cursor
from tseeder_kit.errors import invalid
from tseeder_pg import Pool, transaction

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_KIND_CHARS: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first, and where the list goes on ("" at the end)."""

    events: Sequence[SecurityEvent]
    next_cursor: str


async def list_my_security_events(pool: Pool, caller: Caller, after: str, limit: int) -> EventPage:
    """Those of the caller's account; `limit` 1 to 200, 0 for 50.

    Errors: FORBIDDEN `scope_missing`; INVALID `bad_limit`, `bad_cursor`.
    """
    caller.require("me:read")
    return await _page(pool, caller.user_id, "", after, limit)


async def list_security_events(
    pool: Pool, caller: Caller, user_id: UUID | None, kind: str, after: str, limit: int
) -> EventPage:
    """Those of an account (None: of all, and of none), of a kind ("": all); `limit` as above.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    caller.require("admin:read")
    caller.require_role(Role.SUPPORT)
    if len(kind) > MAX_KIND_CHARS or "\0" in kind:
        raise invalid("bad_text", f"kind must be at most {MAX_KIND_CHARS} characters, without NUL.")
    return await _page(pool, user_id, kind, after, limit)


async def _page(pool: Pool, user_id: UUID | None, kind: str, after: str, limit: int) -> EventPage:
    if not 0 <= limit <= MAX_LIMIT:
        raise invalid("bad_limit", f"limit must be 1 to {MAX_LIMIT}.")
    size, of = limit or DEFAULT_LIMIT, [str(user_id or ""), kind]
    async with transaction(pool, readonly=True) as tx:
        key = cursor.derive_key(await cursor_keys.cursor_key(tx), "auth.security_events")
        found = await security_events.list_events(tx, user_id, kind, _position(key, of, after), size + 1)
    shown = found[:size]
    return EventPage(shown, _cursor(key, of, shown[-1]) if len(found) > size else "")


def _cursor(key: bytes, of: list[str], last: SecurityEvent) -> str:
    # Whole microseconds, as Postgres has them: a float would round.
    return cursor.encode(key, [*of, (last.at - _EPOCH) // _MICROSECOND, str(last.event_id)])


def _position(key: bytes, of: list[str], after: str) -> tuple[datetime, UUID] | None:
    if not after:
        return None
    user_id, kind, micros, event_id = cursor.decode(key, after)
    if [user_id, kind] != of:
        raise invalid("bad_cursor", "The cursor belongs to a list with other filters.")
    return _EPOCH + int(micros) * _MICROSECOND, UUID(str(event_id))
