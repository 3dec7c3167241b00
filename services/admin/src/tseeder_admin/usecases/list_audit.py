"""What operators did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.domain.audit import ON_USERS, AuditEntry
from tseeder_admin.domain.operators import Operator
from tseeder_admin.store import audit, cursor_keys
from tseeder_kit import cursor
from tseeder_kit.errors import AppError, invalid
from tseeder_kit.logging import get_logger
from tseeder_pg import Pool, transaction

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_ACTION_CHARS: Final = 64
_log = get_logger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first, and where the list goes on ("" at the end)."""

    entries: Sequence[AuditEntry]
    next_cursor: str


async def list_audit(pool: Pool, operator: Operator, action: str, after: str, limit: int) -> AuditPage:
    """Entries of `action` ("": all); `limit` 1 to 200, 0 for 50.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`; INVALID `bad_limit`, `bad_action`, `bad_cursor`.
    """
    operator.require_read()
    if not 0 <= limit <= MAX_LIMIT:
        raise invalid("bad_limit", f"limit must be 1 to {MAX_LIMIT}.")
    if len(action) > MAX_ACTION_CHARS or "\0" in action:
        raise invalid("bad_action", "There is no such action.")
    size = limit or DEFAULT_LIMIT
    async with transaction(pool, readonly=True) as tx:
        key = cursor.derive_key(await cursor_keys.cursor_key(tx), "admin.audit")
        found = await audit.list_audit(tx, action, _position(key, action, after), size + 1)
    shown = found[:size]
    return AuditPage(shown, _cursor(key, action, shown[-1]) if len(found) > size else "")


async def emails_of(auth: AuthAccounts, entries: Sequence[AuditEntry]) -> Mapping[str, str]:
    """The addresses, as they are now, of who acted and of the users acted on, by id; auth being away costs no more
    than the addresses.
    """
    ids = {str(entry.actor_user_id) for entry in entries}
    ids |= {entry.target for entry in entries if entry.action in ON_USERS}
    if not ids:
        return {}
    try:
        return await auth.emails(ids)
    except AppError as exc:
        _log.warning("audit_without_addresses", code=exc.code)
        return {}


def _cursor(key: bytes, action: str, last: AuditEntry) -> str:
    # Whole microseconds, as Postgres has them: a float would round.
    return cursor.encode(key, [action, (last.at - _EPOCH) // _MICROSECOND, str(last.audit_id)])


def _position(key: bytes, action: str, after: str) -> tuple[datetime, UUID] | None:
    if not after:
        return None
    of_action, micros, audit_id = cursor.decode(key, after)
    if of_action != action:
        raise invalid("bad_cursor", "The cursor belongs to a list of another action.")
    return _EPOCH + int(micros) * _MICROSECOND, UUID(str(audit_id))
