"""Jobs: one user's wish for one torrent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import JobRow, Reason
from tseeder_jobs.domain.states import JobState
from tseeder_pg import Record, Tx


def _selecting(selection: str) -> str:
    return f"""
SELECT j.job_id, j.user_id, j.torrent_id, j.transfer_id, j.run, j.state, j.name, j.hint, {selection}, j.own_priority,
       j.reason_code, j.reason_message, j.file_count, j.wanted_files, j.wanted_bytes, j.stored_files, j.stored_bytes,
       j.version, j.created_at, j.updated_at, j.finished_at, j.primary_file_id, t.verified, t.private,
       t.name AS torrent_name, t.total_bytes,
       x.reason_code AS transfer_reason_code, x.reason_message AS transfer_reason_message,
       CASE WHEN j.oldest_stored_at IS NOT NULL THEN (
           SELECT GREATEST(j.oldest_stored_at + make_interval(days => u.retention_days), u.kept_until, j.kept_until)
           FROM usage u WHERE u.user_id = j.user_id AND u.retention_days > 0) END AS expires_at
FROM jobs j JOIN torrents t USING (torrent_id) LEFT JOIN transfers x ON x.transfer_id = j.transfer_id
"""


_select = _selecting("j.selection")


def _row(record: Record) -> JobRow:
    return JobRow(**{**record, "state": JobState(record["state"])})


READ_OWN: Final = f"{_select} WHERE j.job_id = $1 AND j.user_id = $2"


async def read_own(tx: Tx, job_id: UUID, user_id: UUID) -> JobRow | None:
    """None: no such job, or another user's: the caller is told the same."""
    row = await tx.fetchrow(READ_OWN, job_id, user_id)
    return _row(row) if row else None


READ: Final = f"{_select} WHERE j.job_id = $1"


async def read(tx: Tx, job_id: UUID) -> JobRow | None:
    """Any user's job: for operators and sweeps."""
    row = await tx.fetchrow(READ, job_id)
    return _row(row) if row else None


LOCK: Final = "SELECT job_id FROM jobs WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR UPDATE"


async def lock(tx: Tx, job_ids: Sequence[UUID]) -> set[UUID]:
    """Hold these jobs' rows; answers those that exist."""
    return {row["job_id"] for row in await tx.fetch(LOCK, job_ids)}


PAGE: Final = f"""{_selecting("NULL::integer[] AS selection")}
WHERE j.user_id = $1 AND ($2::uuid IS NULL OR j.job_id < $2) AND (cardinality($3::text[]) = 0 OR j.state = ANY($3))
  AND ($4 = '' OR strpos(lower(COALESCE(j.name, t.name, j.hint, '')), lower($4)) > 0)
ORDER BY j.job_id DESC LIMIT $5
"""


async def page(
    tx: Tx, user_id: UUID, *, before: UUID | None, states: Sequence[str], text: str, limit: int
) -> list[JobRow]:
    """A user's jobs, newest first, older than `before`. Job ids are UUIDv7: their order is that of submission.
    Without their selections, of which each may name 200,000 files."""
    return [_row(row) for row in await tx.fetch(PAGE, user_id, before, states, text, limit)]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as submitted."""

    job_id: UUID
    user_id: UUID
    torrent_id: UUID
    name: str | None
    hint: str | None
    selection: list[int] | None
    priority: int
    own_priority: int
    source_kind: str
    source_ciphertext: bytes
    key_id: str


INSERT: Final = """
INSERT INTO jobs (job_id, user_id, torrent_id, transfer_id, state, name, hint, selection, priority, own_priority,
                  source_kind, source_ciphertext, key_id, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $5 = 'completed' THEN clock_timestamp() END)
"""


async def insert(tx: Tx, job: NewJob, state: JobState, transfer_id: UUID | None) -> None:
    """A completed one needs no transfer."""
    await tx.execute(
        INSERT,
        job.job_id,
        job.user_id,
        job.torrent_id,
        transfer_id,
        state,
        job.name,
        job.hint,
        job.selection,
        job.priority,
        job.own_priority,
        job.source_kind,
        job.source_ciphertext,
        job.key_id,
    )


SET_STATE: Final = """
UPDATE jobs SET state = $3, transfer_id = COALESCE($4, transfer_id), reason_code = $5, reason_message = $6,
    run = run + $7, version = version + 1, updated_at = clock_timestamp(),
    finished_at = CASE WHEN $3 IN ('completed', 'failed', 'cancelled', 'expired') THEN clock_timestamp() END
WHERE job_id = $1 AND state = $2
"""


async def set_state(
    tx: Tx,
    job_id: UUID,
    *,
    old: JobState,
    new: JobState,
    transfer_id: UUID | None = None,
    reason: Reason | None = None,
    reopened: bool = False,
) -> bool:
    """Compare-and-set. `reopened`: a terminal job is wanted again, as its next run."""
    code, message = (reason.code, reason.message) if reason else (None, None)
    status = await tx.execute(SET_STATE, job_id, old, new, transfer_id, code, message, int(reopened))
    return status == "UPDATE 1"


MIRROR: Final = """
UPDATE jobs j SET state = $2, version = version + 1, updated_at = clock_timestamp()
WHERE j.transfer_id = $1 AND j.state IN ('queued', 'resolving', 'downloading', 'storing')
  AND (j.state <> $2 OR $3)
RETURNING j.job_id
"""


async def mirror_transfer(tx: Tx, transfer_id: UUID, state: JobState, *, touched: bool = False) -> list[UUID]:
    """Show the transfer's new state on every unpaused live job that waits on it; `touched`: something else that
    they show of it (its reason) changed too. Answers the jobs that changed."""
    return [row["job_id"] for row in await tx.fetch(MIRROR, transfer_id, state, touched)]


COUNT_FILES: Final = """
WITH counts AS (
    SELECT f.job_id, count(*) AS files,
           count(*) FILTER (WHERE f.selected) AS wanted_files,
           COALESCE(sum(e.size_bytes) FILTER (WHERE f.selected), 0) AS wanted_bytes,
           count(*) FILTER (WHERE f.selected AND f.state = 'stored') AS stored_files,
           COALESCE(sum(e.size_bytes) FILTER (WHERE f.selected AND f.state = 'stored'), 0) AS stored_bytes,
           min(f.stored_at) AS oldest_stored_at
    FROM files f JOIN entries e USING (entry_id) WHERE f.job_id = ANY($1::uuid[]) GROUP BY f.job_id
)
UPDATE jobs j SET file_count = c.files, wanted_files = c.wanted_files, wanted_bytes = c.wanted_bytes,
    stored_files = c.stored_files, stored_bytes = c.stored_bytes, oldest_stored_at = c.oldest_stored_at,
    version = version + 1, updated_at = clock_timestamp()
FROM counts c WHERE c.job_id = j.job_id
"""


async def count_files(tx: Tx, job_ids: Sequence[UUID]) -> None:
    """Make the jobs' totals equal to their files."""
    if job_ids:
        await tx.execute(COUNT_FILES, job_ids)


FIND_DONE: Final = """
SELECT job_id, user_id, state, CASE WHEN run = 1 THEN extract(epoch FROM clock_timestamp() - created_at)::float8 END
    AS first_run_seconds
FROM jobs
WHERE job_id = ANY($1::uuid[]) AND state IN ('queued', 'resolving', 'downloading', 'storing', 'paused')
  AND file_count > 0 AND stored_files = wanted_files
  AND NOT EXISTS (SELECT 1 FROM files f WHERE f.job_id = jobs.job_id AND f.selected AND f.state = 'pending')
ORDER BY job_id
"""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """What is needed to end or move a live job."""

    job_id: UUID
    user_id: UUID
    state: JobState
    first_run_seconds: float | None = None  # since its submit, if it was never reopened; told by `find_done` only


async def find_done(tx: Tx, job_ids: Sequence[UUID]) -> list[LiveJob]:
    """Those of these live jobs whose own wanted files are all stored."""
    rows = await tx.fetch(FIND_DONE, job_ids)
    return [LiveJob(r["job_id"], r["user_id"], JobState(r["state"]), r["first_run_seconds"]) for r in rows]


LIVE_ON_TRANSFER: Final = """
SELECT job_id, user_id, state FROM jobs
WHERE transfer_id = $1 AND state IN ('queued', 'resolving', 'downloading', 'storing', 'paused')
ORDER BY job_id LIMIT $2
"""


async def live_on_transfer(tx: Tx, transfer_id: UUID, limit: int) -> list[LiveJob]:
    """Live jobs that wait on a transfer, paused ones too, oldest first."""
    rows = await tx.fetch(LIVE_ON_TRANSFER, transfer_id, limit)
    return [LiveJob(r["job_id"], r["user_id"], JobState(r["state"])) for r in rows]


ON_TORRENT: Final = "SELECT job_id FROM jobs WHERE torrent_id = $1 ORDER BY job_id"


async def on_torrent(tx: Tx, torrent_id: UUID) -> list[UUID]:
    """All jobs of a torrent, ended ones too."""
    return [row["job_id"] for row in await tx.fetch(ON_TORRENT, torrent_id)]


MOVE: Final = """
UPDATE jobs SET torrent_id = $2, transfer_id = COALESCE($3, transfer_id), version = version + 1,
    updated_at = clock_timestamp()
WHERE job_id = $1
"""


async def move(tx: Tx, job_id: UUID, torrent_id: UUID, transfer_id: UUID | None) -> None:
    """To another torrent (its magnet turned out to be that one), and to that one's transfer if it lives."""
    await tx.execute(MOVE, job_id, torrent_id, transfer_id)


READ_SOURCES: Final = """
SELECT job_id, source_ciphertext, key_id FROM jobs
WHERE transfer_id = $1 AND state IN ('queued', 'resolving', 'downloading', 'storing') ORDER BY job_id LIMIT 100
"""


async def read_sources(tx: Tx, transfer_id: UUID) -> list[tuple[UUID, bytes, str]]:
    """Sealed trackers and passkeys of the unpaused jobs on a transfer: `(job_id, ciphertext, key id)`."""
    return [(r["job_id"], r["source_ciphertext"], r["key_id"]) for r in await tx.fetch(READ_SOURCES, transfer_id)]


SET_SELECTION: Final = "UPDATE jobs SET selection = $2 WHERE job_id = $1"


async def set_selection(tx: Tx, job_id: UUID, selection: list[int] | None) -> None:
    """None: all files."""
    await tx.execute(SET_SELECTION, job_id, selection)


RENAME: Final = """
UPDATE jobs SET name = $3, version = version + 1, updated_at = clock_timestamp()
WHERE job_id = $1 AND user_id = $2 AND name IS DISTINCT FROM $3
"""


async def rename(tx: Tx, job_id: UUID, user_id: UUID, name: str | None) -> bool:
    """None: the torrent's own name. False: it has that name already, or is no job of this user."""
    return await tx.execute(RENAME, job_id, user_id, name) == "UPDATE 1"


SET_OWN_PRIORITY: Final = """
UPDATE jobs SET own_priority = $2, version = version + 1, updated_at = clock_timestamp()
WHERE job_id = $1 AND own_priority <> $2
"""


async def set_own_priority(tx: Tx, job_id: UUID, own_priority: int) -> bool:
    """How the job stands among its user's own: -1, 0 or 1. False: it stands so already."""
    return await tx.execute(SET_OWN_PRIORITY, job_id, own_priority) == "UPDATE 1"


EXPLAIN_COMPLETED: Final = """
UPDATE jobs SET reason_code = $2, reason_message = $3, version = version + 1, updated_at = clock_timestamp()
WHERE job_id IN (SELECT j.job_id FROM jobs j WHERE j.torrent_id = $1 AND j.state = 'completed'
                 AND j.reason_code IS DISTINCT FROM $2 ORDER BY j.job_id LIMIT $4 FOR UPDATE)
RETURNING job_id
"""


async def explain_completed(tx: Tx, torrent_id: UUID, reason: Reason, limit: int) -> list[UUID]:
    """Completed jobs of a torrent show this reason from now on; answers those that did not yet."""
    return [row["job_id"] for row in await tx.fetch(EXPLAIN_COMPLETED, torrent_id, reason.code, reason.message, limit)]


DELETE: Final = "DELETE FROM jobs WHERE job_id = $1"


async def delete(tx: Tx, job_id: UUID) -> None:
    """With its files, by cascade."""
    await tx.execute(DELETE, job_id)


STRANDED: Final = """
SELECT DISTINCT x.transfer_id FROM transfers x JOIN jobs j USING (transfer_id)
WHERE x.state IN ('failed', 'cancelled')
  AND j.state IN ('queued', 'resolving', 'downloading', 'storing', 'paused')
LIMIT 50
"""


async def stranded(tx: Tx) -> list[UUID]:
    """Transfers that ended badly and whose jobs were not all told yet."""
    return [row["transfer_id"] for row in await tx.fetch(STRANDED)]
