"""A job's main media file: the one that its user chose while it is wanted, else the largest wanted video, else the
largest wanted audio, else none. It is written where it changes, so that lists of jobs only read it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.domain.media_types import FileType, extensions_of
from tseeder_jobs.store.files import extension
from tseeder_pg import Tx

REFRESH: Final = f"""
WITH due AS MATERIALIZED (
    SELECT COALESCE(
        (SELECT f.file_id FROM files f
         WHERE f.file_id = j.chosen_file_id AND f.job_id = j.job_id AND f.selected AND f.state <> 'deleted'),
        (SELECT file_id FROM (
             SELECT f.file_id, e.size_bytes, e.file_index, {extension} AS extension
             FROM files f JOIN entries e USING (entry_id)
             WHERE f.job_id = j.job_id AND f.selected AND f.state <> 'deleted' OFFSET 0) wanted
         WHERE extension = ANY($2::text[]) OR extension = ANY($3::text[])
         ORDER BY extension = ANY($2) DESC, size_bytes DESC, file_index LIMIT 1)) AS file_id
    FROM jobs j WHERE j.job_id = $1
)
UPDATE jobs SET primary_file_id = due.file_id, version = version + 1, updated_at = clock_timestamp()
FROM due WHERE job_id = $1 AND primary_file_id IS DISTINCT FROM due.file_id
"""
SET_KNOWN: Final = "UPDATE jobs SET primary_known = true WHERE job_id = $1 AND NOT primary_known"


async def refresh(tx: Tx, job_id: UUID) -> bool:
    """After the job's files, or its user's choice, changed. Its row is held. Whether it has another one now."""
    video, audio = (extensions_of({kind}).listed for kind in (FileType.VIDEO, FileType.AUDIO))
    changed = await tx.execute(REFRESH, job_id, video, audio) == "UPDATE 1"
    await tx.execute(SET_KNOWN, job_id)
    return changed


CHOOSE: Final = "UPDATE jobs SET chosen_file_id = $2 WHERE job_id = $1"


async def choose(tx: Tx, job_id: UUID, file_id: UUID | None) -> bool:
    """The user's own choice, or None: the largest. The job's row is held. Whether it has another one now."""
    await tx.execute(CHOOSE, job_id, file_id)
    return await refresh(tx, job_id)


UNKNOWN: Final = "SELECT job_id FROM jobs WHERE file_count > 0 AND NOT primary_known ORDER BY job_id LIMIT $1"


async def unknown(tx: Tx, limit: int) -> list[UUID]:
    """Jobs that are older than this, with files of which none was looked for yet."""
    return [row["job_id"] for row in await tx.fetch(UNKNOWN, limit)]
