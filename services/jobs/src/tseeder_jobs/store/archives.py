"""Archives: which files of a job one is made of, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.archives import Chosen, Counted
from tseeder_pg import Record, Tx

# Led by the torrent's index of entries, so that a page costs no more at the end of 200,000 files than at the beginning.
# The ranges are read once, as a subquery: a text's cast would be done for each row.
_chosen = """
FROM entries e JOIN files f ON f.job_id = $1 AND f.entry_id = e.entry_id
WHERE e.torrent_id = $2 AND f.state <> 'deleted'
  AND CASE WHEN $3::text IS NULL THEN f.selected ELSE e.file_index <@ (SELECT $3::text::int4multirange) END
  AND (cardinality($4::text[]) = 0 OR
       (cardinality(e.path) > cardinality($4::text[]) AND e.path[1:cardinality($4::text[])] = $4::text[]))
"""

COUNT: Final = f"""
SELECT count(*) AS files, count(*) FILTER (WHERE f.selected AND f.state = 'pending') AS missing,
       count(*) FILTER (WHERE NOT f.selected OR f.state = 'dropped') AS unwanted
{_chosen}
"""


async def count(tx: Tx, job_id: UUID, torrent_id: UUID, chosen: Chosen) -> Counted:
    """How many files are chosen, and how many of them are not stored."""
    rows = await tx.fetch(COUNT, job_id, torrent_id, chosen.multirange, chosen.folder)
    return Counted(**rows[0])


FIRST_EMPTY_RANGE: Final = """
SELECT r.first FROM unnest($3::integer[], $4::integer[]) AS r (first, last)
WHERE NOT EXISTS (
    SELECT 1 FROM entries e JOIN files f ON f.job_id = $1 AND f.entry_id = e.entry_id
    WHERE e.torrent_id = $2 AND e.file_index BETWEEN r.first AND r.last AND f.state <> 'deleted')
ORDER BY r.first LIMIT 1
"""


async def first_empty_range(tx: Tx, job_id: UUID, torrent_id: UUID, ranges: Sequence[tuple[int, int]]) -> int | None:
    """Where a range without any file begins; None: each has one."""
    firsts, lasts = [first for first, _ in ranges], [last for _, last in ranges]
    found = await tx.fetchval(FIRST_EMPTY_RANGE, job_id, torrent_id, firsts, lasts)
    return None if found is None else int(found)


PAGE: Final = f"""
SELECT e.file_index, e.path, e.size_bytes, e.crc32, e.entry_id, f.state
{_chosen} AND e.file_index > $5
ORDER BY e.file_index LIMIT $6
"""


async def page(tx: Tx, job_id: UUID, torrent_id: UUID, chosen: Chosen, *, after_index: int, limit: int) -> list[Record]:
    """`file_index, path, size_bytes, crc32, entry_id, state` of what is chosen, after `after_index`."""
    return await tx.fetch(PAGE, job_id, torrent_id, chosen.multirange, chosen.folder, after_index, limit)


OWN_TORRENT: Final = "SELECT torrent_id FROM jobs WHERE job_id = $1 AND user_id = $2"


async def own_torrent(tx: Tx, job_id: UUID, user_id: UUID) -> UUID | None:
    """The torrent of a user's own job, without the rest of its row, which a selection of 200,000 files makes long."""
    found: UUID | None = await tx.fetchval(OWN_TORRENT, job_id, user_id)
    return found


OBJECTS: Final = """
SELECT e.file_index, o.object_key
FROM entries e JOIN files f ON f.job_id = $1 AND f.entry_id = e.entry_id
JOIN objects o ON o.entry_id = e.entry_id AND o.state = 'stored'
WHERE e.torrent_id = $2 AND e.file_index = ANY($3::integer[]) AND f.state = 'stored'
"""


async def object_keys(tx: Tx, job_id: UUID, torrent_id: UUID, file_indexes: Sequence[int]) -> dict[int, str]:
    """Where the bytes of these files of a job are, by file index; of those that it still has."""
    rows = await tx.fetch(OBJECTS, job_id, torrent_id, file_indexes)
    return {row["file_index"]: row["object_key"] for row in rows}
