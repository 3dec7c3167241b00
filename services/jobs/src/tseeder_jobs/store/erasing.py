"""What is left of a user when his jobs are gone: his id, in rows of every kind."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_pg import Tx

NOBODY: Final = UUID(int=0)
"""Who has paid for what an erased user paid for: what has ended, and what is parked for others, of whom the first who
resumes pays."""

JOBS: Final = "SELECT job_id FROM jobs WHERE user_id = $1 ORDER BY job_id LIMIT $2"


async def jobs_of(tx: Tx, user_id: UUID, limit: int) -> list[UUID]:
    """Some of his jobs."""
    return [row["job_id"] for row in await tx.fetch(JOBS, user_id, limit)]


IDEMPOTENCY: Final = """
DELETE FROM idempotency WHERE ctid IN (SELECT ctid FROM idempotency WHERE user_id = $1 LIMIT $2)
"""
LINKS: Final = "DELETE FROM links WHERE link_id IN (SELECT link_id FROM links WHERE user_id = $1 LIMIT $2)"
BANDWIDTH: Final = "DELETE FROM bandwidth WHERE ctid IN (SELECT ctid FROM bandwidth WHERE user_id = $1 LIMIT $2)"
MONTHS: Final = "DELETE FROM usage_months WHERE ctid IN (SELECT ctid FROM usage_months WHERE user_id = $1 LIMIT $2)"
STREAMS: Final = "DELETE FROM streams WHERE stream_id IN (SELECT stream_id FROM streams WHERE user_id = $1 LIMIT $2)"
# Said once more of the row itself: who resumes one meanwhile holds it, and pays for it when this statement gets on.
PAID: Final = """
UPDATE transfers SET payer_user_id = $3 WHERE transfer_id IN (
    (SELECT transfer_id FROM transfers WHERE payer_user_id = $1 AND ended_at IS NOT NULL LIMIT $2)
    UNION ALL (SELECT transfer_id FROM transfers WHERE payer_user_id = $1 AND state = 'parked' LIMIT $2))
AND payer_user_id = $1 AND (ended_at IS NOT NULL OR state = 'parked')
"""


async def delete_some(tx: Tx, user_id: UUID, limit: int) -> int:
    """At most so many rows of each kind; how many it was."""
    done = 0
    for statement in (IDEMPOTENCY, LINKS, BANDWIDTH, MONTHS, STREAMS):
        done += _count(await tx.execute(statement, user_id, limit))
    return done + _count(await tx.execute(PAID, user_id, limit, NOBODY))


LANE: Final = """
DELETE FROM lanes WHERE payer_user_id = $1 AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.payer_user_id = $1
    AND t.state IN ('queued', 'resolving', 'downloading', 'storing'))
"""
USAGE: Final = """
DELETE FROM usage WHERE user_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.user_id = $1)
    AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.user_id = $1)
"""
IS_LEFT: Final = """
SELECT EXISTS (SELECT 1 FROM usage WHERE user_id = $1) OR EXISTS (SELECT 1 FROM jobs WHERE user_id = $1)
    OR EXISTS (SELECT 1 FROM files WHERE user_id = $1) OR EXISTS (SELECT 1 FROM charges WHERE user_id = $1)
    OR EXISTS (SELECT 1 FROM torrents WHERE scope_user_id = $1)
    OR EXISTS (SELECT 1 FROM transfers WHERE payer_user_id = $1 AND ended_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM transfers WHERE payer_user_id = $1 AND state IN ('resolving', 'downloading', 'storing'))
    OR EXISTS (SELECT 1 FROM transfers WHERE payer_user_id = $1 AND state = 'queued')
    OR EXISTS (SELECT 1 FROM transfers WHERE payer_user_id = $1 AND state = 'parked')
    OR EXISTS (SELECT 1 FROM lanes WHERE payer_user_id = $1)
"""


async def delete_last(tx: Tx, user_id: UUID) -> bool:
    """His lane and his usage row, which is held, where nothing hangs on them; whether nothing of him is left."""
    await tx.execute(LANE, user_id)
    await tx.execute(USAGE, user_id)
    return not await tx.fetchval(IS_LEFT, user_id)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
