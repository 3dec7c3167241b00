"""How long files are kept: what their owners' plans say, whom to warn, and what ends.

A job is warned of as a whole: `warned_through` says of which of its files (by when they were stored), and before
`kept_until` none of these ends. A warning from before its owner's retention last changed is about another end than
now, and counts no longer: it was to keep them for less long than the change does (`usage.kept_until`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

PAGE_OF_USERS: Final = "SELECT user_id FROM usage WHERE user_id > $1 ORDER BY user_id LIMIT $2"


async def page_of_users(tx: Tx, after: UUID, limit: int) -> list[UUID]:
    """Everybody who ever submitted, by id."""
    return [row["user_id"] for row in await tx.fetch(PAGE_OF_USERS, after, limit)]


SET_DAYS: Final = """
WITH told AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[]) AS t (user_id, days)
), changed AS (
    SELECT u.user_id, t.days FROM usage u JOIN told t USING (user_id)
    WHERE u.retention_days <> t.days ORDER BY u.user_id FOR UPDATE OF u
)
UPDATE usage u SET retention_days = c.days, kept_until = clock_timestamp() + $3::interval
FROM changed c WHERE u.user_id = c.user_id
"""


async def set_days(tx: Tx, days: Mapping[UUID, int], notice: timedelta) -> None:
    """Write what billing said, where it is something else than before: nothing of theirs ends within `notice` then."""
    await tx.execute(SET_DAYS, list(days), list(days.values()), notice)


# statement_timestamp() and not clock_timestamp(), which changes within a statement, so that no index could be asked.
WARN: Final = """
WITH due AS (
    SELECT j.job_id, make_interval(days => u.retention_days) AS kept FROM usage u JOIN jobs j USING (user_id)
    WHERE u.user_id = ANY($1::uuid[]) AND u.retention_days > 0
      AND j.oldest_stored_at <= statement_timestamp() + $2::interval - make_interval(days => u.retention_days)
      AND (j.warned_through IS NULL OR j.warned_through < j.oldest_stored_at OR j.kept_until < u.kept_until)
    ORDER BY j.job_id LIMIT $4 FOR UPDATE OF j SKIP LOCKED
)
UPDATE jobs j SET version = version + 1, updated_at = clock_timestamp(), kept_until = clock_timestamp() + $2::interval,
    warned_through = LEAST(clock_timestamp(), clock_timestamp() + $2::interval + $3::interval - d.kept)
FROM due d WHERE j.job_id = d.job_id RETURNING j.job_id
"""
TOGETHER: Final = timedelta(days=1)
"""Files that follow the first one of their job so soon are warned of with it."""


async def warn(tx: Tx, user_ids: Sequence[UUID], notice: timedelta, limit: int) -> list[UUID]:
    """Jobs of these users whose first files end within `notice`, and who were not told: they are now."""
    return [row["job_id"] for row in await tx.fetch(WARN, user_ids, notice, TOGETHER, limit)]


_over = """
u.retention_days > 0 AND j.kept_until <= statement_timestamp()
AND (u.kept_until IS NULL OR u.kept_until <= j.kept_until)
"""
OVER: Final = f"""
SELECT j.job_id FROM usage u JOIN jobs j USING (user_id)
WHERE u.user_id = ANY($1::uuid[]) AND {_over}
  AND j.oldest_stored_at <= statement_timestamp() - make_interval(days => u.retention_days)
  AND j.oldest_stored_at <= j.warned_through
ORDER BY j.job_id LIMIT $2
"""


async def over(tx: Tx, user_ids: Sequence[UUID], limit: int) -> list[UUID]:
    """Jobs of these users with files whose time is over, and who were told so in time."""
    return [row["job_id"] for row in await tx.fetch(OVER, user_ids, limit)]


EXPIRE: Final = f"""
UPDATE files f SET state = 'deleted', selected = false, stored_at = NULL, expired_at = clock_timestamp()
WHERE f.file_id IN (
    SELECT g.file_id FROM files g JOIN jobs j USING (job_id) JOIN usage u ON u.user_id = j.user_id
    WHERE g.job_id = $1 AND g.state = 'stored' AND {_over}
      AND g.stored_at <= statement_timestamp() - make_interval(days => u.retention_days)
      AND g.stored_at <= j.warned_through
    LIMIT $2)
RETURNING f.entry_id
"""


async def expire(tx: Tx, job_id: UUID, limit: int) -> list[UUID]:
    """End those files of a job whose time is over; answers their entries. Its user's usage row is held."""
    return [row["entry_id"] for row in await tx.fetch(EXPIRE, job_id, limit)]


RESTORE: Final = "UPDATE files SET state = 'dropped', expired_at = NULL WHERE job_id = $1 AND expired_at IS NOT NULL"


async def restore(tx: Tx, job_id: UUID) -> None:
    """What retention ended may be wanted again; what its owner deleted stays deleted."""
    await tx.execute(RESTORE, job_id)
