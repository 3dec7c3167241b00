"""What was answered to which Idempotency-Key."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

READ: Final = """
SELECT fingerprint, job_id FROM idempotency WHERE user_id = $1 AND key = $2 AND expires_at > clock_timestamp()
"""


async def read(tx: Tx, user_id: UUID, key: str) -> tuple[bytes, UUID] | None:
    """`(fingerprint of the parsed request, job_id)`."""
    row = await tx.fetchrow(READ, user_id, key)
    return (row["fingerprint"], row["job_id"]) if row else None


WRITE: Final = """
INSERT INTO idempotency (user_id, key, fingerprint, job_id, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)
ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, job_id = excluded.job_id,
    expires_at = excluded.expires_at
WHERE idempotency.expires_at <= clock_timestamp()
"""


async def write(tx: Tx, user_id: UUID, key: str, fingerprint: bytes, job_id: UUID, kept: timedelta) -> None:
    """In the transaction that accepts the job, under the key's advisory lock."""
    await tx.execute(WRITE, user_id, key, fingerprint, job_id, kept)


TRIM: Final = "DELETE FROM idempotency WHERE expires_at <= clock_timestamp()"


async def trim(tx: Tx) -> None:
    """Forget the expired."""
    await tx.execute(TRIM)
