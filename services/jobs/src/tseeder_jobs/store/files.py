"""Files: a job's own view of each entry of its torrent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import FileRow
from tseeder_jobs.domain.states import FileState
from tseeder_kit.ids import uuid7
from tseeder_pg import Record, Tx

columns: Final = """f.file_id, f.job_id, f.user_id, f.entry_id, e.file_index, e.path, e.size_bytes, f.selected, f.state,
       COALESCE((SELECT j.primary_file_id = f.file_id FROM jobs j WHERE j.job_id = f.job_id), false) AS "primary",
       e.crc32, e.sniffed_type, f.stored_at, COALESCE(e.natural_rank, -1) AS natural_rank,
       CASE WHEN f.state = 'stored' THEN (
           SELECT GREATEST(f.stored_at + make_interval(days => u.retention_days), u.kept_until, j.kept_until)
           FROM jobs j JOIN usage u USING (user_id)
           WHERE j.job_id = f.job_id AND u.retention_days > 0) END AS expires_at"""
"""What `file_row` takes, of a file `f` and its entry `e`."""
extension: Final = """CASE WHEN strpos(e.path[cardinality(e.path)], '.') > 0
    THEN lower(split_part(e.path[cardinality(e.path)], '.', -1) COLLATE "C") ELSE '' END"""
"""Of an entry `e`, as `domain.media_types` takes it."""


def file_row(record: Record) -> FileRow:
    """From `columns`."""
    return FileRow(**{**record, "state": FileState(record["state"])})


STORED_NOW: Final = """
SELECT e.entry_id, (e.size_bytes = 0 OR EXISTS (
    SELECT 1 FROM objects o WHERE o.entry_id = e.entry_id AND o.state = 'stored')) AS stored, e.file_index
FROM entries e WHERE e.torrent_id = $1 ORDER BY e.file_index
"""
INSERT: Final = """
INSERT INTO files (file_id, job_id, user_id, torrent_id, entry_id, selected, state, stored_at)
SELECT f.file_id, $1, $2, $3, f.entry_id, f.selected, f.state,
       CASE WHEN f.state = 'stored' THEN clock_timestamp() END
FROM unnest($4::uuid[], $5::uuid[], $6::boolean[], $7::text[]) AS f (file_id, entry_id, selected, state)
"""


async def insert_all(tx: Tx, job_id: UUID, user_id: UUID, torrent_id: UUID, selection: Sequence[int] | None) -> None:
    """One row for every entry; what is selected and stored already (or has no bytes) is stored at once.

    The torrent's row is held, so that nothing becomes stored between the look and the write.
    """
    entries = await tx.fetch(STORED_NOW, torrent_id)
    chosen = None if selection is None else set(selection)
    selected = [chosen is None or e["file_index"] in chosen for e in entries]
    states = ["stored" if s and e["stored"] else "pending" for s, e in zip(selected, entries, strict=True)]
    ids = [uuid7() for _ in entries]
    await tx.execute(INSERT, job_id, user_id, torrent_id, ids, [e["entry_id"] for e in entries], selected, states)


# A selection may name most of 200,000 files: IN (SELECT unnest) is looked up by hash, also in a generic plan, where
# = ANY goes through all of it for each entry. The charges likewise: NOT IN over a subquery that names nothing outside
# itself is hashed once. Anything that leaves the planner a choice (EXISTS, a scalar subquery) is compared row by row
# where its statistics know small torrents only: 7 s at 20,000 files.
PENDING_BYTES: Final = """
SELECT COALESCE(sum(e.size_bytes), 0) FROM entries e
WHERE e.torrent_id = $1 AND ($3::integer[] IS NULL OR e.file_index IN (SELECT unnest($3)))
  AND e.entry_id NOT IN (SELECT c.entry_id FROM charges c WHERE c.user_id = $2 AND c.torrent_id = $1)
"""


async def new_bytes(tx: Tx, torrent_id: UUID, user_id: UUID, selection: Sequence[int] | None) -> int:
    """What this selection would add to the user's charges: entries that he does not hold already."""
    return int(await tx.fetchval(PENDING_BYTES, torrent_id, user_id, selection))


OUT_OF_RANGE: Final = """
SELECT i FROM unnest($2::integer[]) AS i
WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.torrent_id = $1 AND e.file_index = i) ORDER BY i LIMIT 1
"""


async def first_unknown_index(tx: Tx, torrent_id: UUID, selection: Sequence[int]) -> int | None:
    """A selected index that no file of the torrent has; None: all are right."""
    value = await tx.fetchval(OUT_OF_RANGE, torrent_id, selection)
    return None if value is None else int(value)


READ_OWN: Final = f"""
SELECT {columns} FROM files f JOIN entries e USING (entry_id)
WHERE f.file_id = $1 AND f.user_id = $2 AND f.state <> 'deleted'
"""


async def read_own(tx: Tx, file_id: UUID, user_id: UUID) -> FileRow | None:
    """None: no such file, a deleted one, or another user's."""
    row = await tx.fetchrow(READ_OWN, file_id, user_id)
    return file_row(row) if row else None


STORED_OBJECT: Final = "SELECT object_key, etag FROM objects WHERE entry_id = $1 AND state = 'stored'"


async def stored_object_key(tx: Tx, entry_id: UUID) -> str | None:
    """Where the entry's bytes are, if they are stored."""
    row = await tx.fetchrow(STORED_OBJECT, entry_id)
    return row["object_key"] if row else None


DROP_PENDING: Final = "UPDATE files SET state = 'dropped' WHERE job_id = $1 AND state = 'pending'"


async def drop_pending(tx: Tx, job_id: UUID) -> None:
    """The job ends without these."""
    await tx.execute(DROP_PENDING, job_id)


REOPEN: Final = """
UPDATE files f SET state = CASE WHEN f.selected AND s.stored THEN 'stored' ELSE 'pending' END,
    stored_at = CASE WHEN f.selected AND s.stored THEN clock_timestamp() END
FROM entries e CROSS JOIN LATERAL (SELECT (e.size_bytes = 0 OR
    (SELECT true FROM objects o WHERE o.entry_id = e.entry_id AND o.state = 'stored') IS TRUE) AS stored) s
WHERE f.job_id = $1 AND e.entry_id = f.entry_id
  AND (f.state = 'dropped' OR (f.state = 'pending' AND f.selected AND s.stored))
"""


async def reopen(tx: Tx, job_id: UUID) -> None:
    """Dropped files are wanted again; those stored meanwhile attach at once. The torrent's row is held."""
    await tx.execute(REOPEN, job_id)


ANY_PENDING: Final = "SELECT EXISTS (SELECT 1 FROM files WHERE job_id = $1 AND selected AND state = 'pending')"


async def any_pending(tx: Tx, job_id: UUID) -> bool:
    """Whether the job still waits for a file of its own."""
    return bool(await tx.fetchval(ANY_PENDING, job_id))


SELECT_FILES: Final = """
UPDATE files f SET selected = w.wanted,
    state = CASE WHEN w.wanted THEN f.state ELSE 'pending' END,
    stored_at = CASE WHEN w.wanted THEN f.stored_at END
FROM (SELECT e.entry_id, ($2::integer[] IS NULL OR e.file_index IN (SELECT unnest($2))) AS wanted
      FROM entries e JOIN files g USING (entry_id) WHERE g.job_id = $1) w
WHERE f.job_id = $1 AND f.entry_id = w.entry_id AND f.state <> 'deleted' AND f.selected <> w.wanted
"""


async def select(tx: Tx, job_id: UUID, selection: Sequence[int] | None) -> None:
    """Mark what is wanted; a stored file that is no longer selected is given up. `reopen` attaches the rest."""
    await tx.execute(SELECT_FILES, job_id, selection)


DELETE_FILE: Final = "UPDATE files SET state = 'deleted', selected = false, stored_at = NULL WHERE file_id = $1"


async def delete(tx: Tx, file_id: UUID) -> None:
    """Its owner gave it up."""
    await tx.execute(DELETE_FILE, file_id)


WAITING_USERS: Final = """
SELECT DISTINCT f.user_id FROM files f JOIN entries e USING (entry_id)
JOIN objects o ON o.entry_id = f.entry_id AND o.state = 'stored'
WHERE f.torrent_id = $1 AND f.selected AND f.state = 'pending' ORDER BY f.user_id LIMIT $2
"""


async def users_to_settle(tx: Tx, torrent_id: UUID, limit: int) -> list[UUID]:
    """Users with wanted files of this torrent that are stored by now and do not say so."""
    return [row["user_id"] for row in await tx.fetch(WAITING_USERS, torrent_id, limit)]


SETTLE: Final = """
UPDATE files f SET state = 'stored', stored_at = clock_timestamp()
FROM entries e WHERE e.entry_id = f.entry_id AND f.torrent_id = $1 AND f.user_id = ANY($2::uuid[])
  AND f.selected AND f.state = 'pending'
  AND EXISTS (SELECT 1 FROM objects o WHERE o.entry_id = f.entry_id AND o.state = 'stored')
RETURNING f.job_id, f.user_id, f.entry_id, e.size_bytes
"""


async def settle(tx: Tx, torrent_id: UUID, user_ids: Sequence[UUID]) -> list[Record]:
    """Mark their files stored: `job_id, user_id, entry_id, size_bytes` of each."""
    return await tx.fetch(SETTLE, torrent_id, user_ids)


TO_SETTLE: Final = """
SELECT DISTINCT f.torrent_id FROM files f
JOIN objects o ON o.entry_id = f.entry_id AND o.state = 'stored'
WHERE f.selected AND f.state = 'pending' LIMIT 50
"""


async def torrents_to_settle(tx: Tx) -> list[UUID]:
    """Torrents of which a crash left stored files unsaid."""
    return [row["torrent_id"] for row in await tx.fetch(TO_SETTLE)]
