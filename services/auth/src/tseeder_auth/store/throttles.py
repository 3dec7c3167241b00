"""How often signing in was tried, per second factor, account and address. They are locked in this order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tseeder_auth.domain.throttle import Kind
from tseeder_auth.store.rows import rows_of
from tseeder_kit.throttle import Tally
from tseeder_pg import Tx

ENSURE_TALLY: Final[str] = """
INSERT INTO login_throttles (kind, subject) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""
LOCK_TALLY: Final[str] = """
SELECT failures, last_at, blocked_until, clock_timestamp() AS now
FROM login_throttles WHERE kind = $1 AND subject = $2 FOR UPDATE
"""


async def lock_tally(tx: Tx, kind: Kind, subject: bytes) -> tuple[Tally, datetime]:
    """The row, made if need be and locked, and the database's time after the lock was had."""
    row = None
    while row is None:  # a sweep may delete the row between the two statements
        await tx.execute(ENSURE_TALLY, kind, subject)
        row = await tx.fetchrow(LOCK_TALLY, kind, subject)
    return Tally(row["failures"], row["last_at"], row["blocked_until"]), row["now"]


SAVE_TALLY: Final[str] = """
UPDATE login_throttles SET failures = $3, last_at = $4, blocked_until = $5 WHERE kind = $1 AND subject = $2
"""


async def save_tally(tx: Tx, kind: Kind, subject: bytes, tally: Tally) -> None:
    """Writes a row that is locked."""
    await tx.execute(SAVE_TALLY, kind, subject, tally.failures, tally.last_at, tally.blocked_until)


DELETE_TALLY: Final[str] = "DELETE FROM login_throttles WHERE kind = $1 AND subject = $2"


async def delete_tally(tx: Tx, kind: Kind, subject: bytes) -> None:
    """All is forgiven."""
    await tx.execute(DELETE_TALLY, kind, subject)


DELETE_TALLIES: Final[str] = "DELETE FROM login_throttles WHERE kind <> 'address' AND subject = ANY ($1::bytea[])"


async def delete_tallies(tx: Tx, subjects: Sequence[bytes]) -> None:
    """What was counted for these accounts, of every kind."""
    await tx.execute(DELETE_TALLIES, list(subjects))


PURGE_TALLIES: Final[str] = """
DELETE FROM login_throttles WHERE (kind, subject) IN (
    SELECT kind, subject FROM login_throttles
    WHERE last_at < clock_timestamp() - CASE WHEN kind LIKE 'mail%' THEN $3::interval ELSE $1::interval END
      AND (blocked_until IS NULL OR blocked_until < clock_timestamp())
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_tallies(tx: Tx, forget: timedelta, forget_mails: timedelta, batch: int) -> int:
    """Deletes at most `batch` rows that no longer mean anything; how many."""
    return rows_of(await tx.execute(PURGE_TALLIES, forget, batch, forget_mails))
