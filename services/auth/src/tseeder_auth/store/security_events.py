"""What happened to accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.security_events import EventKind, SecurityEvent
from tseeder_auth.store.rows import rows_of
from tseeder_kit.ids import uuid7
from tseeder_pg import Record, Tx

NOBODY: Final = Client("", "")
"""For what happens without a request of a client's."""

INSERT_SECURITY_EVENT: Final[str] = """
INSERT INTO security_events (event_id, kind, user_id, actor_user_id, remote_address, user_agent, details)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def record(
    tx: Tx,
    kind: EventKind,
    user_id: UUID | None,
    client: Client,
    *,
    actor: UUID | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Writes one down, in the transaction that does it. `details` never hold a secret, or an address that was typed."""
    await tx.execute(
        INSERT_SECURITY_EVENT,
        uuid7(),
        str(kind),
        user_id,
        actor,
        client.remote_address,
        client.user_agent,
        dict(details or {}),
    )


EVENTS_OF_USER: Final[str] = """
SELECT event_id, kind, user_id, actor_user_id, at, remote_address, user_agent, details FROM security_events
WHERE user_id = $1
  AND ($2 = '' OR kind = $2)
  AND ($3::timestamptz IS NULL OR (at, event_id) < ($3, $4))
ORDER BY at DESC, event_id DESC
LIMIT $5
"""
EVENTS_OF_ALL: Final[str] = """
SELECT event_id, kind, user_id, actor_user_id, at, remote_address, user_agent, details FROM security_events
WHERE ($1 = '' OR kind = $1)
  AND ($2::timestamptz IS NULL OR (at, event_id) < ($2, $3))
ORDER BY at DESC, event_id DESC
LIMIT $4
"""


async def list_events(
    tx: Tx, user_id: UUID | None, kind: str, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[SecurityEvent]:
    """Newest first, after the position of the last one shown; `user_id` None: of all, `kind` "": all."""
    at, event_id = after or (None, None)
    if user_id is None:
        rows = await tx.fetch(EVENTS_OF_ALL, kind, at, event_id, limit)
    else:
        rows = await tx.fetch(EVENTS_OF_USER, user_id, kind, at, event_id, limit)
    return [_event(row) for row in rows]


PURGE_EVENTS: Final[str] = """
DELETE FROM security_events WHERE event_id IN (
    SELECT event_id FROM security_events WHERE at < clock_timestamp() - $1::interval
    ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_events(tx: Tx, kept: timedelta, batch: int) -> int:
    """Deletes at most `batch` events that are older; how many."""
    return rows_of(await tx.execute(PURGE_EVENTS, kept, batch))


def _event(row: Record) -> SecurityEvent:
    return SecurityEvent(
        row["event_id"],
        row["kind"],
        row["user_id"],
        row["actor_user_id"],
        row["at"],
        Client(row["user_agent"], row["remote_address"]),
        row["details"],
    )
