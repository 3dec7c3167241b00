"""What object storage and the rows do not agree on, and what was reported of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.leftovers import KnownObject, Leftover, Report
from tseeder_jobs.domain.states import JobState
from tseeder_jobs.store.jobs import LiveJob
from tseeder_jobs.store.objects import TOMBSTONE_KEPT
from tseeder_pg import Tx

STRAYS: Final = """
SELECT s.object_key, s.s3_upload_id, o.object_id IS NULL AS unknown
FROM unnest($1::text[], $2::text[]) AS s (object_key, s3_upload_id) LEFT JOIN objects o USING (object_key)
WHERE NOT EXISTS (SELECT 1 FROM uploads u WHERE u.object_id = o.object_id
                  AND (u.state = 'opening' OR (u.s3_upload_id = s.s3_upload_id AND u.state IN ('open', 'completing'))))
"""


async def strays(tx: Tx, listed: Sequence[tuple[str, str]]) -> list[tuple[str, str, bool]]:
    """Of `(key, S3 upload id)` as S3 lists them those that no live upload is, and whether no row has their key. One
    that is being opened has its row before S3 knows it, and is none."""
    rows = await tx.fetch(STRAYS, [key for key, _ in listed], [upload for _, upload in listed])
    return [(row["object_key"], row["s3_upload_id"], row["unknown"]) for row in rows]


ORPHANS: Final = """
SELECT k.object_key, o.object_id IS NULL AS unknown FROM unnest($1::text[]) AS k (object_key)
LEFT JOIN objects o USING (object_key)
WHERE o.object_id IS NULL OR (o.state = 'gone' AND o.delete_after IS NULL)
"""


async def orphans(tx: Tx, keys: Sequence[str]) -> tuple[set[str], set[str]]:
    """Of keys that S3 holds objects under: those given up for good, and those that no row has."""
    rows = await tx.fetch(ORPHANS, keys)
    late = {row["object_key"] for row in rows if not row["unknown"]}
    return late, {row["object_key"] for row in rows if row["unknown"]}


UNLISTED: Final = """
SELECT object_id, object_key AS key, size_bytes FROM objects
WHERE state = 'stored' AND object_key COLLATE "C" > $1 AND object_key COLLATE "C" <= $2 AND stored_at < $3
  AND object_key NOT IN (SELECT unnest($4::text[]))
ORDER BY object_key COLLATE "C" LIMIT $5
"""


async def unlisted(
    tx: Tx, after: str, last: str, listed: Sequence[str], stored_before: datetime, limit: int
) -> list[KnownObject]:
    """Stored objects with keys from behind `after` to `last` that are not among those that S3 listed there."""
    return [KnownObject(**row) for row in await tx.fetch(UNLISTED, after, last, stored_before, listed, limit)]


TORRENT_OF: Final = "SELECT e.torrent_id FROM objects o JOIN entries e USING (entry_id) WHERE o.object_id = $1"


async def torrent_of(tx: Tx, object_id: UUID) -> UUID | None:
    """Whose bytes it is; None for a tombstone."""
    found: UUID | None = await tx.fetchval(TORRENT_OF, object_id)
    return found


GIVE_UP: Final = """
UPDATE objects SET state = 'deleting', lost = true, deleted_at = clock_timestamp(), delete_after = clock_timestamp(),
    keep_until = clock_timestamp() + $2::interval
WHERE object_id = $1 AND state = 'stored' RETURNING true
"""


async def give_up(tx: Tx, object_id: UUID) -> bool:
    """It is stored no longer, and its files are to be told. The torrent's row is held. False: it was so already."""
    return bool(await tx.fetchval(GIVE_UP, object_id, TOMBSTONE_KEPT))


LOST: Final = "SELECT object_id, entry_id FROM objects WHERE lost ORDER BY object_id LIMIT $1"


async def lost(tx: Tx, limit: int) -> list[tuple[UUID, UUID | None]]:
    """`(object, entry)` of what was given up, and whose files were not all told."""
    return [(row["object_id"], row["entry_id"]) for row in await tx.fetch(LOST, limit)]


TOLD: Final = "UPDATE objects SET lost = false WHERE object_id = $1"


async def told(tx: Tx, object_id: UUID) -> None:
    """No file says any more that it is stored."""
    await tx.execute(TOLD, object_id)


_without_object = "NOT EXISTS (SELECT 1 FROM objects o WHERE o.entry_id = $1 AND o.state = 'stored')"
HOLDERS: Final = f"""
SELECT DISTINCT f.user_id FROM files f WHERE f.entry_id = $1 AND f.state = 'stored' AND {_without_object}
ORDER BY f.user_id LIMIT $2
"""


async def holders(tx: Tx, entry_id: UUID, limit: int) -> list[UUID]:
    """Users with files of an entry that say stored, while it has no object."""
    return [row["user_id"] for row in await tx.fetch(HOLDERS, entry_id, limit)]


JOBS_HOLDING: Final = """
SELECT j.job_id, j.user_id, j.state FROM jobs j
WHERE j.job_id IN (SELECT f.job_id FROM files f
                   WHERE f.entry_id = $1 AND f.user_id = ANY($2::uuid[]) AND f.state = 'stored')
ORDER BY j.job_id
"""


async def jobs_holding(tx: Tx, entry_id: UUID, user_ids: Sequence[UUID]) -> list[LiveJob]:
    """Their jobs with such a file, ended ones too."""
    rows = await tx.fetch(JOBS_HOLDING, entry_id, user_ids)
    return [LiveJob(row["job_id"], row["user_id"], JobState(row["state"])) for row in rows]


LOSE: Final = f"""
UPDATE files f SET stored_at = NULL, state = CASE WHEN j.finished_at IS NULL THEN 'pending' ELSE 'dropped' END
FROM jobs j WHERE j.job_id = f.job_id AND f.entry_id = $1 AND f.job_id = ANY($2::uuid[]) AND f.state = 'stored'
  AND {_without_object}
"""


async def lose(tx: Tx, entry_id: UUID, job_ids: Sequence[UUID]) -> bool:
    """Files of these jobs are not stored any more: wanted again where the job moves, else dropped, until a retry.
    False: the entry has an object again, and nothing is wrong with them."""
    return await tx.execute(LOSE, entry_id, job_ids) != "UPDATE 0"


WRITE_REPORT: Final = """
INSERT INTO sweep_reports (kind, began_at, ended_at, looked_at, found, found_bytes, mended, examples)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (kind) DO UPDATE SET began_at = excluded.began_at, ended_at = excluded.ended_at,
    looked_at = excluded.looked_at, found = excluded.found, found_bytes = excluded.found_bytes,
    mended = excluded.mended, examples = excluded.examples
"""


async def write_report(tx: Tx, report: Report) -> None:
    """The last of its kind."""
    await tx.execute(
        WRITE_REPORT,
        report.kind,
        report.began_at,
        report.ended_at,
        report.looked_at,
        report.found,
        report.found_bytes,
        report.mended,
        report.examples,
    )


READ_REPORTS: Final = """
SELECT kind, began_at, ended_at, looked_at, found, found_bytes, mended, examples FROM sweep_reports ORDER BY kind
"""


async def read_reports(tx: Tx) -> list[Report]:
    """The last of each kind that was ever looked for."""
    return [Report(**{**row, "kind": Leftover(row["kind"])}) for row in await tx.fetch(READ_REPORTS)]
