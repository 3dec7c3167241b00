"""Dead letters: failed transfers on which a job still stands failed. Nothing is stored for them: what a user retried or
deleted is no dead letter any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import DeadLetterRow
from tseeder_pg import Tx

_columns = """t.transfer_id, t.reason_code, t.reason_message, t.ended_at AS failed_at, t.attempts_spent,
       (SELECT count(*) FROM jobs j WHERE j.transfer_id = t.transfer_id AND j.state = 'failed') AS failed_jobs"""
_dead = """t.state = 'failed'
  AND EXISTS (SELECT 1 FROM jobs j WHERE j.transfer_id = t.transfer_id AND j.state = 'failed')"""

PAGE: Final = f"""
SELECT {_columns} FROM transfers t
WHERE {_dead} AND ($1 = '' OR t.reason_code = $1)
  AND ($2::timestamptz IS NULL OR (t.ended_at, t.transfer_id) < ($2, $3::uuid))
ORDER BY t.ended_at DESC, t.transfer_id DESC LIMIT $4
"""


async def page(
    tx: Tx, *, reason_code: str, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[DeadLetterRow]:
    """Newest first, after the row `before`; "": of any reason."""
    at, transfer_id = before or (None, None)
    return [DeadLetterRow(**row) for row in await tx.fetch(PAGE, reason_code, at, transfer_id, limit)]


READ: Final = f"SELECT {_columns} FROM transfers t WHERE t.transfer_id = $1 AND {_dead}"


async def read(tx: Tx, transfer_id: UUID) -> DeadLetterRow | None:
    """None: no such transfer, or it is no dead letter (any more)."""
    row = await tx.fetchrow(READ, transfer_id)
    return DeadLetterRow(**row) if row else None


COUNT_FAILED: Final = "SELECT count(*) FROM jobs WHERE transfer_id = $1 AND state = 'failed' AND job_id > $2"


async def count_failed_after(tx: Tx, transfer_id: UUID, after: UUID) -> int:
    """How many jobs after that one stand failed on it."""
    return int(await tx.fetchval(COUNT_FAILED, transfer_id, after))


FAILED_JOBS: Final = """
SELECT job_id, user_id FROM jobs
WHERE transfer_id = $1 AND state = 'failed' AND ($2::uuid IS NULL OR job_id > $2) ORDER BY job_id LIMIT $3
"""


async def failed_jobs(tx: Tx, transfer_id: UUID, after: UUID | None, limit: int) -> list[tuple[UUID, UUID]]:
    """`(job_id, user_id)` of the jobs that stand failed on it, oldest first, after the job `after`."""
    return [(row["job_id"], row["user_id"]) for row in await tx.fetch(FAILED_JOBS, transfer_id, after, limit)]
