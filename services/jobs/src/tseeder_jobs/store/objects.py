"""Objects, and the uploads and parts that become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class LiveObject:
    """An entry's object that is being written or stored, with its upload if it has one."""

    entry_id: UUID
    object_id: UUID
    object_key: str
    size_bytes: int
    state: str
    epoch: int
    crc32: int | None
    confirmed: bool
    etag: str | None
    upload_id: UUID | None
    s3_upload_id: str | None
    part_size_bytes: int | None
    part_count: int | None
    upload_state: str | None
    reconciled_epoch: int | None
    with_crc32: bool | None  # of its upload


_live = """
SELECT o.entry_id, o.object_id, o.object_key, o.size_bytes, o.state, o.epoch, o.crc32, o.confirmed, o.etag,
       u.upload_id, u.s3_upload_id, u.part_size_bytes, u.part_count, u.state AS upload_state, u.reconciled_epoch,
       u.with_crc32
FROM objects o LEFT JOIN uploads u USING (object_id)
"""

LOCK_LIVE: Final = f"""{_live}
WHERE o.entry_id = ANY($1::uuid[]) AND o.state IN ('writing', 'stored') ORDER BY o.entry_id FOR UPDATE OF o
"""


async def lock_live(tx: Tx, entry_ids: Sequence[UUID]) -> dict[UUID, LiveObject]:
    """Hold the live object of each of these entries, by entry."""
    return {row["entry_id"]: LiveObject(**row) for row in await tx.fetch(LOCK_LIVE, entry_ids)}


LOCK_ENTRIES: Final = "SELECT entry_id FROM entries WHERE entry_id = ANY($1::uuid[]) ORDER BY entry_id FOR UPDATE"


async def lock_entries(tx: Tx, entry_ids: Sequence[UUID]) -> None:
    """One writer at a time makes an entry's object or upload."""
    await tx.fetch(LOCK_ENTRIES, entry_ids)


INSERT_OBJECT: Final = """
INSERT INTO objects (object_id, entry_id, object_key, size_bytes, state, epoch, transfer_id, crc32)
VALUES ($1, $2, $3, $4, 'writing', $5, $6, $7)
"""
INSERT_UPLOAD: Final = """
INSERT INTO uploads (upload_id, entry_id, object_id, part_size_bytes, part_count, state, reconciled_epoch, with_crc32)
VALUES ($1, $2, $3, $4, $5, 'opening', $6, $7)
"""


async def insert_object(
    tx: Tx,
    object_id: UUID,
    entry_id: UUID,
    key: str,
    size_bytes: int,
    *,
    epoch: int,
    transfer_id: UUID,
    crc32: int | None,
) -> None:
    """A key is issued: bytes may be written under it."""
    await tx.execute(INSERT_OBJECT, object_id, entry_id, key, size_bytes, epoch, transfer_id, crc32)


async def insert_upload(
    tx: Tx,
    upload_id: UUID,
    entry_id: UUID,
    object_id: UUID,
    *,
    part_size_bytes: int,
    part_count: int,
    epoch: int,
    with_crc32: bool,
) -> None:
    """`opening`: it has no S3 id yet. How its parts are checked is pinned, whatever the setting says later."""
    await tx.execute(INSERT_UPLOAD, upload_id, entry_id, object_id, part_size_bytes, part_count, epoch, with_crc32)


SET_PUT: Final = "UPDATE objects SET crc32 = $2, confirmed = false, etag = NULL WHERE object_id = $1"


async def set_put(tx: Tx, object_id: UUID, crc32: int) -> None:
    """A whole-file PUT is planned (again) under the same key and epoch."""
    await tx.execute(SET_PUT, object_id, crc32)


CONFIRM_PUT: Final = """
UPDATE objects o SET confirmed = true, etag = $3
WHERE entry_id = $1 AND object_key = $2 AND state = 'writing' AND epoch = $4
  AND NOT EXISTS (SELECT FROM uploads u WHERE u.object_id = o.object_id)
"""


async def confirm_put(tx: Tx, entry_id: UUID, key: str, etag: str, epoch: int) -> None:
    """The agent says that it went up. Another epoch's key, and one that goes up in parts, are left alone."""
    await tx.execute(CONFIRM_PUT, entry_id, key, etag, epoch)


OPENED: Final = """
UPDATE uploads SET state = 'open', s3_upload_id = $2 WHERE upload_id = $1 AND state = 'opening'
RETURNING s3_upload_id
"""
S3_UPLOAD_ID: Final = "SELECT s3_upload_id FROM uploads WHERE upload_id = $1 AND state IN ('open', 'completing')"


async def opened(tx: Tx, upload_id: UUID, s3_upload_id: str) -> str | None:
    """S3 made it; answers the id that counts: this one, or another's who was faster (then abort this one)."""
    won: str | None = await tx.fetchval(OPENED, upload_id, s3_upload_id)
    if won is None:
        won = await tx.fetchval(S3_UPLOAD_ID, upload_id)
    return won


PLAN_PARTS: Final = """
INSERT INTO parts AS p (upload_id, number, size_bytes, crc32)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::bigint[])
ON CONFLICT (upload_id, number) DO UPDATE
SET size_bytes = excluded.size_bytes, crc32 = excluded.crc32,
    etag = CASE WHEN p.crc32 = excluded.crc32 AND p.size_bytes = excluded.size_bytes THEN p.etag END
RETURNING upload_id, number, etag
"""


async def plan_parts(tx: Tx, parts: Sequence[tuple[UUID, int, int, int]]) -> set[tuple[UUID, int]]:
    """Record `(upload_id, number, size, crc32)` before the bytes go up; answers those that S3 holds already."""
    rows = await tx.fetch(PLAN_PARTS, *(list(column) for column in zip(*parts, strict=True)))
    return {(row["upload_id"], row["number"]) for row in rows if row["etag"] is not None}


CONFIRM_PARTS: Final = """
UPDATE parts p SET etag = c.etag
FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::text[], $5::bigint[])
       AS c (s3_upload_id, entry_id, number, etag, size_bytes)
JOIN uploads u ON u.s3_upload_id = c.s3_upload_id AND u.entry_id = c.entry_id AND u.state = 'open'
WHERE p.upload_id = u.upload_id AND p.number = c.number AND p.size_bytes = c.size_bytes
"""


async def confirm_parts(tx: Tx, parts: Sequence[tuple[str, UUID, int, str, int]]) -> None:
    """Of `(s3_upload_id, entry_id, number, etag, size)`: those that were planned so, in an open upload."""
    if parts:
        await tx.execute(CONFIRM_PARTS, *(list(column) for column in zip(*parts, strict=True)))


READ_PARTS: Final = "SELECT number, size_bytes, crc32, etag FROM parts WHERE upload_id = $1 ORDER BY number"


@dataclass(frozen=True, slots=True)
class PartRow:
    """One planned part; `etag` once S3 has it."""

    number: int
    size_bytes: int
    crc32: int
    etag: str | None


async def read_parts(tx: Tx, upload_id: UUID) -> list[PartRow]:
    """All planned parts, by number."""
    return [PartRow(**row) for row in await tx.fetch(READ_PARTS, upload_id)]


RECONCILE: Final = """
UPDATE parts p SET etag = l.etag
FROM (SELECT q.number, s.etag FROM parts q
      LEFT JOIN unnest($2::integer[], $3::text[], $4::bigint[]) AS s (number, etag, size_bytes)
        ON s.number = q.number AND s.size_bytes = q.size_bytes
      WHERE q.upload_id = $1) l
WHERE p.upload_id = $1 AND p.number = l.number AND p.etag IS DISTINCT FROM l.etag
"""
RECONCILED: Final = """
UPDATE uploads SET reconciled_epoch = $2
WHERE upload_id = $1 AND state = 'open' AND s3_upload_id = $3 AND reconciled_epoch < $2 RETURNING upload_id
"""


async def reconcile(
    tx: Tx, upload_id: UUID, epoch: int, s3_upload_id: str, listed: Sequence[tuple[int, str, int]]
) -> None:
    """Make the part rows equal to what ListParts said: `(number, etag, size)`. Once an epoch: later the agent itself
    is writing, and an older list would forget what it confirmed."""
    if await tx.fetchval(RECONCILED, upload_id, epoch, s3_upload_id) is None:
        return
    columns = [list(c) for c in zip(*listed, strict=True)] if listed else [[], [], []]
    await tx.execute(RECONCILE, upload_id, *columns)


HELD_PARTS: Final = """
SELECT u.entry_id, p.number, p.size_bytes FROM uploads u JOIN parts p USING (upload_id)
WHERE u.upload_id = ANY($1::uuid[]) AND u.state IN ('open', 'completing') AND p.etag IS NOT NULL
ORDER BY u.entry_id, p.number
"""


async def held_parts(tx: Tx, upload_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, int]]]:
    """`(number, size)` of the parts that S3 holds, by entry."""
    held: dict[UUID, list[tuple[int, int]]] = {}
    for row in await tx.fetch(HELD_PARTS, upload_ids):
        held.setdefault(row["entry_id"], []).append((row["number"], row["size_bytes"]))
    return held


RESET_UPLOAD: Final = """
UPDATE uploads SET state = 'aborting', abort_after = clock_timestamp(), unwanted_since = NULL, completing_since = NULL
WHERE upload_id = $1 AND state = $2 RETURNING object_id
"""


async def reset_upload(tx: Tx, upload_id: UUID, *, old: str) -> bool:
    """S3 does not know it any more, or holds other parts: its object will not be, and a new upload takes its place.
    The sweep aborts it all the same, in case S3 knows it after all. The entry's row is held."""
    object_id = await tx.fetchval(RESET_UPLOAD, upload_id, old)
    if object_id is None:
        return False
    await mark_deleting(tx, [object_id], timedelta(0))
    return True


FIND_OPEN: Final = """
SELECT u.upload_id FROM uploads u JOIN entries e USING (entry_id)
WHERE e.torrent_id = $1 AND e.file_index = $2 AND u.s3_upload_id = $3 AND u.state = 'open'
"""


async def find_open(tx: Tx, torrent_id: UUID, file_index: int, s3_upload_id: str) -> UUID | None:
    """The open upload with this S3 id."""
    found: UUID | None = await tx.fetchval(FIND_OPEN, torrent_id, file_index, s3_upload_id)
    return found


INTEND_COMPLETE: Final = """
UPDATE uploads SET state = 'completing', completing_since = clock_timestamp(), unwanted_since = NULL
WHERE upload_id = $1 AND state = 'open'
"""


async def intend_complete(tx: Tx, upload_id: UUID) -> bool:
    """From here on it is neither aborted nor reset: its outcome decides."""
    return await tx.execute(INTEND_COMPLETE, upload_id) == "UPDATE 1"


COMPLETED: Final = """
UPDATE uploads SET state = 'completed', completing_since = NULL WHERE upload_id = $1 AND state = 'completing'
"""
STORED: Final = """
UPDATE objects SET state = 'stored', stored_at = clock_timestamp(), etag = $2, crc32 = $3, confirmed = true
WHERE object_id = $1 AND state = 'writing'
"""


async def stored(tx: Tx, live: LiveObject, etag: str, crc32: int | None) -> bool:
    """S3 has it whole. False: somebody else wrote this outcome."""
    if live.upload_id is not None and await tx.execute(COMPLETED, live.upload_id) != "UPDATE 1":
        return False
    return await tx.execute(STORED, live.object_id, etag, crc32) == "UPDATE 1"


UNRECONCILED: Final = f"""{_live}
WHERE o.entry_id IN (SELECT entry_id FROM entries WHERE torrent_id = $1) AND o.state = 'writing' AND u.state = 'open'
  AND u.reconciled_epoch < $2
ORDER BY o.entry_id
"""


async def unreconciled(tx: Tx, torrent_id: UUID, epoch: int) -> list[LiveObject]:
    """Open uploads whose parts were not compared with ListParts under this epoch."""
    return [LiveObject(**row) for row in await tx.fetch(UNRECONCILED, torrent_id, epoch)]


TORRENT_OF: Final = "SELECT torrent_id FROM entries WHERE entry_id = $1"


async def torrent_of(tx: Tx, entry_id: UUID) -> UUID | None:
    """Which torrent an entry is of."""
    found: UUID | None = await tx.fetchval(TORRENT_OF, entry_id)
    return found


FIND_COMPLETING: Final = f"""{_live}
WHERE u.state = 'completing' AND u.completing_since < clock_timestamp() - $1::interval
ORDER BY u.completing_since LIMIT $2
"""


async def find_completing(tx: Tx, older_than: timedelta, limit: int) -> list[LiveObject]:
    """Completions whose outcome was never written: jobs died, or S3 did not answer."""
    return [LiveObject(**row) for row in await tx.fetch(FIND_COMPLETING, older_than, limit)]


MARK_DELETING: Final = """
UPDATE objects SET state = 'deleting', deleted_at = clock_timestamp(),
    delete_after = clock_timestamp() + $2::interval, keep_until = clock_timestamp() + $3::interval
WHERE object_id = ANY($1::uuid[]) AND state IN ('writing', 'stored')
"""
TOMBSTONE_KEPT: Final = timedelta(minutes=15)
"""Ten minutes of a presigned URL's life, and a request that began in the last of them."""


async def mark_deleting(tx: Tx, object_ids: Sequence[UUID], delay: timedelta) -> None:
    """Nobody wants them: the sweep deletes them at S3, again and again until no write can be under way."""
    await tx.execute(MARK_DELETING, object_ids, delay, delay + TOMBSTONE_KEPT)


UNWANTED_OBJECTS: Final = """
SELECT o.object_id FROM objects o
WHERE o.entry_id = ANY($1::uuid[]) AND (o.state = 'stored' OR (o.state = 'writing' AND NOT EXISTS (
          SELECT 1 FROM uploads u WHERE u.object_id = o.object_id)))
  AND NOT EXISTS (SELECT 1 FROM files f WHERE f.entry_id = o.entry_id
                  AND (f.state = 'stored' OR (f.state = 'pending' AND f.selected)))
ORDER BY o.object_id FOR UPDATE
"""
MARK_UPLOADS: Final = """
UPDATE uploads u SET unwanted_since = CASE WHEN w.wanted THEN NULL
                                      ELSE COALESCE(u.unwanted_since, clock_timestamp()) END
FROM (SELECT v.upload_id, EXISTS (
          SELECT 1 FROM files f WHERE f.entry_id = v.entry_id AND f.state = 'pending' AND f.selected) AS wanted
      FROM uploads v WHERE v.entry_id = ANY($1::uuid[]) AND v.state IN ('opening', 'open')) w
WHERE u.upload_id = w.upload_id AND (u.unwanted_since IS NULL) <> w.wanted
"""


async def collect(tx: Tx, entry_ids: Sequence[UUID]) -> None:
    """After files changed: objects of these entries that nobody holds any more are marked for deletion, and uploads
    that nobody wants begin (or end) their grace period. A `completing` upload is left to its outcome."""
    unwanted = [row["object_id"] for row in await tx.fetch(UNWANTED_OBJECTS, entry_ids)]
    if unwanted:
        await mark_deleting(tx, unwanted, timedelta(0))
    await tx.execute(MARK_UPLOADS, entry_ids)


ENTRIES_OF: Final = "SELECT entry_id FROM files WHERE job_id = $1 ORDER BY entry_id"


async def entries_of_job(tx: Tx, job_id: UUID) -> list[UUID]:
    """What `collect` must look at when a job changes."""
    return [row["entry_id"] for row in await tx.fetch(ENTRIES_OF, job_id)]


INTEND_ABORT: Final = """
UPDATE uploads u SET state = 'aborting', abort_after = clock_timestamp()
WHERE u.upload_id IN (SELECT v.upload_id FROM uploads v
    WHERE v.unwanted_since < clock_timestamp() - $1::interval AND v.state IN ('opening', 'open')
    ORDER BY v.unwanted_since LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING u.upload_id, u.object_id
"""


async def intend_abort(tx: Tx, grace: timedelta, limit: int) -> int:
    """Uploads whose grace period is over: their objects will not be."""
    rows = await tx.fetch(INTEND_ABORT, grace, limit)
    await mark_deleting(tx, [row["object_id"] for row in rows], timedelta(0))
    return len(rows)


TO_ABORT: Final = """
SELECT u.upload_id, u.s3_upload_id, o.object_key FROM uploads u JOIN objects o USING (object_id)
WHERE u.state = 'aborting' AND u.abort_after <= clock_timestamp() ORDER BY u.abort_after LIMIT $1
"""
ABORTED: Final = "UPDATE uploads SET state = 'aborted' WHERE upload_id = $1 AND state = 'aborting'"
ABORT_LATER: Final = "UPDATE uploads SET abort_after = clock_timestamp() + $2::interval WHERE upload_id = $1"


async def to_abort(tx: Tx, limit: int) -> list[Record]:
    """`upload_id, s3_upload_id (or NULL: never told), object_key` of uploads to abort at S3."""
    return await tx.fetch(TO_ABORT, limit)


async def aborted(tx: Tx, upload_id: UUID) -> None:
    """S3 has no such upload any more."""
    await tx.execute(ABORTED, upload_id)


async def abort_later(tx: Tx, upload_id: UUID, delay: timedelta) -> None:
    """S3 did not do it now."""
    await tx.execute(ABORT_LATER, upload_id, delay)


TO_DELETE: Final = """
SELECT object_id, object_key FROM objects
WHERE state IN ('deleting', 'gone') AND delete_after <= clock_timestamp() ORDER BY delete_after LIMIT $1
"""
DELETED: Final = """
UPDATE objects SET state = 'gone',
    delete_after = CASE WHEN clock_timestamp() < keep_until THEN LEAST(keep_until, clock_timestamp() + $2::interval) END
WHERE object_id = ANY($1::uuid[]) AND state IN ('deleting', 'gone')
"""


DELETE_LATER: Final = """
UPDATE objects SET delete_after = clock_timestamp() + $2::interval WHERE object_id = ANY($1::uuid[])
"""


async def delete_later(tx: Tx, object_ids: Sequence[UUID], delay: timedelta) -> None:
    """S3 did not do it now; others come first meanwhile."""
    await tx.execute(DELETE_LATER, object_ids, delay)


async def to_delete(tx: Tx, limit: int) -> list[tuple[UUID, str]]:
    """`(object_id, key)` to delete at S3, for the first time or again."""
    return [(row["object_id"], row["object_key"]) for row in await tx.fetch(TO_DELETE, limit)]


async def deleted(tx: Tx, object_ids: Sequence[UUID], again_after: timedelta) -> None:
    """S3 deleted them; once more later, until no write to their keys can be under way."""
    await tx.execute(DELETED, object_ids, again_after)


FORGET: Final = """
WITH old AS (
    SELECT object_id FROM objects
    WHERE state = 'gone' AND NOT lost AND delete_after IS NULL AND deleted_at < clock_timestamp() - $1::interval
      AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.object_id = objects.object_id AND u.state <> 'aborted'
                      AND u.state <> 'completed')
    LIMIT $2
), u AS (DELETE FROM uploads USING old WHERE uploads.object_id = old.object_id)
SELECT object_id FROM old
"""
FORGET_OBJECTS: Final = "DELETE FROM objects WHERE object_id = ANY($1::uuid[])"


async def forget(tx: Tx, kept: timedelta, limit: int) -> int:
    """Remove tombstones that served their time."""
    ids = [row["object_id"] for row in await tx.fetch(FORGET, kept, limit)]
    await tx.execute(FORGET_OBJECTS, ids)
    return len(ids)
