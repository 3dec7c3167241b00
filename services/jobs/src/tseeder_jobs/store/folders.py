"""Folders of a job: ranges of its torrent's natural order. Nothing is kept of them but how many folders an entry shares
with the one before it, so a million folders in one torrent cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tseeder_jobs.domain.rows import FileTotals
from tseeder_jobs.store.file_lists import Stretch, own_file
from tseeder_pg import Tx

END_OF_TORRENT: Final = (1 << 31) - 1
"""Beyond every rank."""

DELETED: Final = """
SELECT count(*), COALESCE(sum(e.size_bytes), 0)::bigint FROM files f JOIN entries e USING (entry_id)
WHERE f.job_id = $1 AND f.state = 'deleted'
"""


async def deleted(tx: Tx, job_id: UUID) -> tuple[int, int]:
    """How many files of a job its user has deleted, and their bytes."""
    row = await tx.fetchrow(DELETED, job_id)
    return (row[0], row[1]) if row else (0, 0)


# Of a folder's files only the first shares less than the whole folder with the entry before it.
FIRST_RANK: Final = """
SELECT natural_rank FROM entries
WHERE torrent_id = $1 AND shared_folders < $2 AND cardinality(path) > $2 AND path[1:$2] = $3::text[]
"""


async def first_rank(tx: Tx, torrent_id: UUID, folder: Sequence[str]) -> int | None:
    """Where a folder (not the root) begins; None: there is no such folder."""
    value: int | None = await tx.fetchval(FIRST_RANK, torrent_id, len(folder), folder)
    return value


# It ends where an entry shares less: for each smaller number the index knows the next one.
END_RANK: Final = """
SELECT min(following.natural_rank) FROM generate_series(0, $2::integer - 1) AS fewer (shared_folders)
CROSS JOIN LATERAL (
    SELECT e.natural_rank FROM entries e
    WHERE e.torrent_id = $1 AND e.shared_folders = fewer.shared_folders AND e.natural_rank > $3
    ORDER BY e.natural_rank LIMIT 1) following
"""


async def end_rank(tx: Tx, torrent_id: UUID, depth: int, rank: int) -> int:
    """The rank after the last file in the folder of `depth` elements (0: the root) that has the entry of `rank`."""
    value: int | None = await tx.fetchval(END_RANK, torrent_id, depth, rank)
    return END_OF_TORRENT if value is None else value


class Child(NamedTuple):
    """What a folder holds directly, with the rank at which it begins: a folder, or a file."""

    rank: int
    name: str
    is_folder: bool


CHILDREN: Final = """
SELECT natural_rank, path[$2::integer + 1] AS name, cardinality(path) > $2::integer + 1 AS is_folder
FROM entries WHERE torrent_id = $1 AND natural_rank = $3
UNION ALL (
SELECT natural_rank, path[$2::integer + 1], cardinality(path) > $2::integer + 1
FROM entries WHERE torrent_id = $1 AND shared_folders = $2::integer AND natural_rank > $3 AND natural_rank < $4
ORDER BY natural_rank LIMIT $5)
ORDER BY natural_rank
"""


async def children(tx: Tx, left: Stretch, depth: int, *, limit: int) -> list[Child]:
    """The children of a folder of `depth` elements, of which `left` begins with one and goes up to the folder's end:
    `limit` (1 or more) of them, folders first, in natural order."""
    found = await tx.fetch(CHILDREN, left.torrent_id, depth, left.first, left.past, limit - 1)
    return [Child(*row) for row in found]


TOTALS: Final = f"""
SELECT width_bucket(e.natural_rank, $3::integer[]) AS nth, count(*) AS file_count,
       sum(e.size_bytes)::bigint AS total_bytes,
       count(*) FILTER (WHERE f.selected) AS wanted_files,
       COALESCE(sum(e.size_bytes) FILTER (WHERE f.selected), 0)::bigint AS wanted_bytes,
       count(*) FILTER (WHERE f.state = 'stored') AS stored_files,
       COALESCE(sum(e.size_bytes) FILTER (WHERE f.state = 'stored'), 0)::bigint AS stored_bytes
FROM entries e CROSS JOIN {own_file}
WHERE e.torrent_id = $1 AND e.natural_rank >= ($3::integer[])[1] AND e.natural_rank < $4 AND f.state <> 'deleted'
GROUP BY nth
"""


async def totals(tx: Tx, part: Stretch, firsts: Sequence[int]) -> dict[int, FileTotals]:
    """What the job has in this part of its torrent, which is cut before each of the ranks `firsts` (one at least, its
    own first), by them; a cut without files is left out."""
    found = await tx.fetch(TOTALS, part.torrent_id, part.job_id, firsts, part.past)
    return {firsts[nth - 1]: FileTotals(*rest) for nth, *rest in found}
