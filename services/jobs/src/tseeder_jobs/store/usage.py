"""What users hold: the usage row, locked before anything else of theirs, and the charges behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import UsageRow
from tseeder_pg import Tx

_columns = """user_id, live_jobs, reserved_bytes, charged_bytes, plan_id, live_jobs_limit, running_limit,
storage_limit_bytes, priority, metadata_timeout_seconds, stall_timeout_seconds, streams_limit"""

UPSERT: Final = f"""
INSERT INTO usage AS u (user_id, plan_id, live_jobs_limit, running_limit, storage_limit_bytes, priority,
                        metadata_timeout_seconds, stall_timeout_seconds, streams_limit, retention_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (user_id) DO UPDATE SET plan_id = excluded.plan_id, live_jobs_limit = excluded.live_jobs_limit,
    running_limit = excluded.running_limit, storage_limit_bytes = excluded.storage_limit_bytes,
    priority = excluded.priority, metadata_timeout_seconds = excluded.metadata_timeout_seconds,
    stall_timeout_seconds = excluded.stall_timeout_seconds, streams_limit = excluded.streams_limit,
    entitlements_at = clock_timestamp(), retention_days = excluded.retention_days,
    kept_until = CASE WHEN u.retention_days = excluded.retention_days THEN u.kept_until
                 ELSE clock_timestamp() + $11::interval END
RETURNING {_columns}
"""


async def lock_with_entitlements(
    tx: Tx,
    user_id: UUID,
    *,
    plan_id: str,
    live_jobs_limit: int,
    running_limit: int,
    storage_limit_bytes: int,
    priority: int,
    metadata_timeout_seconds: int,
    stall_timeout_seconds: int,
    streams_limit: int,
    retention_days: int,
    notice: timedelta,
) -> UsageRow:
    """Write what billing said, and hold the row until the transaction ends. `notice`: what is kept for another time
    than before is kept for this long at least."""
    row = await tx.fetchrow(
        UPSERT,
        user_id,
        plan_id,
        live_jobs_limit,
        running_limit,
        storage_limit_bytes,
        priority,
        metadata_timeout_seconds,
        stall_timeout_seconds,
        streams_limit,
        retention_days,
        notice,
    )
    assert row is not None  # noqa: S101 - an upsert answers its row
    return UsageRow(**row)


LOCK: Final = f"SELECT {_columns} FROM usage WHERE user_id = ANY($1::uuid[]) ORDER BY user_id FOR UPDATE"


async def lock(tx: Tx, user_ids: Sequence[UUID]) -> dict[UUID, UsageRow]:
    """Hold the rows of these users, in ascending order of id."""
    return {row["user_id"]: UsageRow(**row) for row in await tx.fetch(LOCK, user_ids)}


TRY_LOCK: Final = f"SELECT {_columns} FROM usage WHERE user_id = $1 FOR UPDATE SKIP LOCKED"


async def try_lock(tx: Tx, user_id: UUID) -> UsageRow | None:
    """Hold the row unless somebody else does."""
    row = await tx.fetchrow(TRY_LOCK, user_id)
    return UsageRow(**row) if row else None


READ: Final = f"SELECT {_columns} FROM usage WHERE user_id = $1"


async def read(tx: Tx, user_id: UUID) -> UsageRow | None:
    """None: this user has never submitted."""
    row = await tx.fetchrow(READ, user_id)
    return UsageRow(**row) if row else None


TIMEOUTS: Final = """
SELECT max(u.metadata_timeout_seconds) AS metadata, max(u.stall_timeout_seconds) AS stall
FROM jobs j JOIN usage u USING (user_id)
WHERE j.transfer_id = $1 AND j.state IN ('queued', 'resolving', 'downloading', 'storing')
"""


async def timeouts(tx: Tx, transfer_id: UUID) -> tuple[int, int] | None:
    """`(metadata, stall)` time-outs in seconds, each the longest that a plan of the transfer's unpaused jobs allows;
    None: it has no unpaused job."""
    row = await tx.fetchrow(TIMEOUTS, transfer_id)
    return (row["metadata"], row["stall"]) if row and row["metadata"] is not None else None


COUNT_RUNNING: Final = """
SELECT count(*) FROM transfers WHERE payer_user_id = $1 AND state IN ('resolving', 'downloading', 'storing')
"""


async def count_running(tx: Tx, user_id: UUID) -> int:
    """Leased transfers that this user pays; exact while his usage row is held."""
    return int(await tx.fetchval(COUNT_RUNNING, user_id))


ADD_LIVE_JOBS: Final = "UPDATE usage SET live_jobs = live_jobs + $2 WHERE user_id = $1"


async def add_live_jobs(tx: Tx, user_id: UUID, change: int) -> None:
    """A job of this user began (+1) or ended (-1)."""
    await tx.execute(ADD_LIVE_JOBS, user_id, change)


# NOT IN and IN (SELECT unnest), since they are hashed whatever the planner guesses, and no join of charges with
# themselves: where most torrents have few files, it compared all with all (20,000 files: not in 15 s).
RECHARGE: Final = """
WITH held AS (
    SELECT f.user_id, f.entry_id, e.size_bytes AS bytes,
           CASE WHEN bool_or(f.state = 'stored') THEN 'charged' ELSE 'reserved' END AS kind
    FROM files f JOIN entries e USING (entry_id)
    WHERE f.user_id = ANY($1::uuid[]) AND f.torrent_id = $2
      AND ($3::uuid[] IS NULL OR f.entry_id IN (SELECT unnest($3::uuid[])))
      AND (f.state = 'stored' OR (f.state = 'pending' AND f.selected))
    GROUP BY f.user_id, f.entry_id, e.size_bytes
), before AS (
    SELECT user_id, entry_id, bytes, kind FROM charges
    WHERE user_id = ANY($1::uuid[]) AND torrent_id = $2
      AND ($3::uuid[] IS NULL OR entry_id IN (SELECT unnest($3::uuid[])))
), gone AS (
    DELETE FROM charges
    WHERE user_id = ANY($1::uuid[]) AND torrent_id = $2
      AND ($3::uuid[] IS NULL OR entry_id IN (SELECT unnest($3::uuid[])))
      AND (user_id, entry_id) NOT IN (SELECT user_id, entry_id FROM held)
), written AS (
    INSERT INTO charges (user_id, entry_id, torrent_id, bytes, kind)
    SELECT user_id, entry_id, $2, bytes, kind FROM held
    ON CONFLICT (user_id, entry_id) DO UPDATE SET kind = excluded.kind
    WHERE charges.kind <> excluded.kind
), change AS (
    SELECT user_id,
           sum(CASE WHEN kind = 'reserved' THEN bytes ELSE 0 END) AS reserved,
           sum(CASE WHEN kind = 'charged' THEN bytes ELSE 0 END) AS charged
    FROM (SELECT user_id, bytes, kind FROM held
          UNION ALL SELECT user_id, -bytes, kind FROM before) AS changes
    GROUP BY user_id
)
UPDATE usage u SET reserved_bytes = u.reserved_bytes + c.reserved, charged_bytes = u.charged_bytes + c.charged
FROM change c WHERE u.user_id = c.user_id AND (c.reserved <> 0 OR c.charged <> 0)
"""


async def recharge(tx: Tx, user_ids: Sequence[UUID], torrent_id: UUID, entry_ids: Sequence[UUID] | None = None) -> None:
    """Make charges and usage equal to these users' live files of one torrent (of these entries only, when given).

    The one way in which a charge changes: called on submit, metadata, selection, store, cancel, fail, delete, expire
    and takedown, after the files were written and with the users' usage rows held.
    """
    await tx.execute(RECHARGE, user_ids, torrent_id, entry_ids)


ADD_STORED: Final = """
INSERT INTO usage_months AS m (user_id, month, stored_bytes)
VALUES ($1, date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date, $2)
ON CONFLICT (user_id, month) DO UPDATE SET stored_bytes = m.stored_bytes + excluded.stored_bytes
"""


async def add_stored(tx: Tx, user_id: UUID, stored_bytes: int) -> None:
    """Count bytes newly stored for this user, in this month."""
    await tx.execute(ADD_STORED, user_id, stored_bytes)
