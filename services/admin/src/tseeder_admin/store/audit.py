"""The audit log's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_admin.domain.audit import AuditEntry, Intent, Outcome
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier request with the same idempotency key has begun."""

    audit_id: UUID
    target: str
    outcome: Outcome
    fingerprint: bytes


INSERT_INTENT: Final[str] = """
INSERT INTO audit_entries
    (audit_id, actor_user_id, actor_role, action, target, reason, ticket_id, details, request_id,
     idempotency_key, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (actor_user_id, action, idempotency_key) WHERE idempotency_key IS NOT NULL AND outcome <> 'refused'
DO NOTHING
RETURNING audit_id
"""


async def insert_intent(tx: Tx, intent: Intent, idempotency_key: str | None, fingerprint: bytes | None) -> bool:
    """Writes the row, `started`; False if the actor's same action already has a row with this idempotency key."""
    inserted = await tx.fetchval(
        INSERT_INTENT,
        intent.audit_id,
        intent.operator.user_id,
        intent.operator.role,
        intent.action,
        intent.target,
        intent.justification.reason,
        intent.justification.ticket_id,
        dict(intent.details),
        intent.request_id,
        idempotency_key,
        fingerprint,
    )
    return inserted is not None


EARLIER_INTENT: Final[str] = """
SELECT audit_id, target, outcome, fingerprint FROM audit_entries
WHERE actor_user_id = $1 AND action = $2 AND idempotency_key = $3 AND outcome <> 'refused'
"""


async def find_earlier(tx: Tx, actor_user_id: UUID, action: str, idempotency_key: str) -> Earlier | None:
    """The row with this idempotency key, unless it was refused."""
    row = await tx.fetchrow(EARLIER_INTENT, actor_user_id, action, idempotency_key)
    if row is None:
        return None
    return Earlier(row["audit_id"], row["target"], Outcome(row["outcome"]), row["fingerprint"])


SETTLE: Final[str] = """
UPDATE audit_entries SET outcome = $2, outcome_code = $3, settled_at = clock_timestamp()
WHERE audit_id = $1 AND outcome IN ('started', 'unknown') AND outcome <> $2
"""


async def settle(tx: Tx, audit_id: UUID, outcome: Outcome, code: str | None) -> None:
    """Writes what came of it, unless that is known already."""
    await tx.execute(SETTLE, audit_id, str(outcome), code)


SETTLE_LEFT: Final[str] = """
UPDATE audit_entries SET outcome = 'unknown', outcome_code = 'interrupted', settled_at = clock_timestamp()
WHERE audit_id IN (
    SELECT audit_id FROM audit_entries
    WHERE outcome = 'started' AND at < clock_timestamp() - $1::interval
    ORDER BY at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING audit_id
"""


async def settle_left(tx: Tx, older_than: timedelta, batch: int) -> Sequence[UUID]:
    """Makes `unknown` what a crash left `started`; gives the ids of at most `batch` rows."""
    return [row["audit_id"] for row in await tx.fetch(SETTLE_LEFT, older_than, batch)]


LIST_AUDIT: Final[str] = """
SELECT audit_id, actor_user_id, actor_role, action, target, reason, ticket_id, outcome, outcome_code, details, at,
       request_id
FROM audit_entries
WHERE ($1 = '' OR action = $1) AND ($2::timestamptz IS NULL OR (at, audit_id) < ($2, $3))
ORDER BY at DESC, audit_id DESC
LIMIT $4
"""


async def list_audit(tx: Tx, action: str, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[AuditEntry]:
    """Newest first, after the position of the last one shown; `action` "" for all."""
    at, audit_id = after or (None, None)
    return [_entry(row) for row in await tx.fetch(LIST_AUDIT, action, at, audit_id, limit)]


def _entry(row: Record) -> AuditEntry:
    return AuditEntry(
        audit_id=row["audit_id"],
        actor_user_id=row["actor_user_id"],
        actor_role=row["actor_role"],
        action=row["action"],
        target=row["target"],
        reason=row["reason"],
        ticket_id=row["ticket_id"],
        outcome=Outcome(row["outcome"]),
        outcome_code=row["outcome_code"],
        details=row["details"],
        at=row["at"],
        request_id=row["request_id"],
    )
