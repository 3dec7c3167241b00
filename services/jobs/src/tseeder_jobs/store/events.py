"""Events of jobs in the feed, and what the relay rings for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

APPEND_JOB_EVENTS: Final = """
INSERT INTO feed (type, entity_id, payload)
SELECT $1, j.job_id, jsonb_build_object('user_id', j.user_id, 'state', j.state, 'version', j.version)
FROM jobs j WHERE j.job_id = ANY($2::uuid[]) ORDER BY j.job_id
"""


async def append_changed(tx: Tx, job_ids: Sequence[UUID]) -> None:
    """`job.changed`, one for each job, after its row was written in this transaction."""
    if job_ids:
        await tx.execute(APPEND_JOB_EVENTS, "job.changed", job_ids)


APPEND_EXPIRING: Final = """
INSERT INTO feed (type, entity_id, payload)
SELECT 'job.expiring', j.job_id, jsonb_build_object(
    'user_id', j.user_id, 'version', j.version,
    'expires_at', GREATEST(j.oldest_stored_at + make_interval(days => u.retention_days), u.kept_until, j.kept_until))
FROM jobs j JOIN usage u USING (user_id) WHERE j.job_id = ANY($1::uuid[]) ORDER BY j.job_id
"""


async def append_expiring(tx: Tx, job_ids: Sequence[UUID]) -> None:
    """`job.expiring`: files of it end soon, the first of them at `expires_at`. Its row was written before."""
    if job_ids:
        await tx.execute(APPEND_EXPIRING, job_ids)


APPEND_JOB_DELETED: Final = """
INSERT INTO feed (type, entity_id, payload) VALUES ('job.deleted', $1, jsonb_build_object('user_id', $2::uuid))
"""


async def append_deleted(tx: Tx, job_id: UUID, user_id: UUID) -> None:
    """`job.deleted`: its row goes in this transaction."""
    await tx.execute(APPEND_JOB_DELETED, job_id, user_id)


READ_HEAD: Final = "SELECT seq FROM feed_head"


async def head(tx: Tx) -> int:
    """The newest stamped seq."""
    return int(await tx.fetchval(READ_HEAD))


STAMPED_JOBS: Final = """
SELECT seq, entity_id FROM feed WHERE seq > $1 AND type IN ('job.changed', 'job.expiring', 'job.deleted')
ORDER BY seq LIMIT $2
"""


async def stamped_jobs(tx: Tx, after_seq: int, limit: int) -> list[tuple[int, UUID]]:
    """`(seq, job_id)` of stamped job events after `after_seq`, in order."""
    return [(row["seq"], row["entity_id"]) for row in await tx.fetch(STAMPED_JOBS, after_seq, limit)]
