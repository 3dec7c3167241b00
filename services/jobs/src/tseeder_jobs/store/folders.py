"""Folders of a job: ranges of its torrent's natural order. Nothing is kept of them but how many folders an entry shares
with the one before it, so a million folders in one torrent cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from tseeder_jobs.domain.rows import FileRow, FileTotals
from tseeder_jobs.store.files import columns, file_row
from tseeder_pg import Tx

END_OF_TORRENT: Final = (1 << 31) - 1
"""Beyond every rank."""

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
    """What a folder holds directly, as it begins: a folder, or a file (its entry)."""

    rank: int
    entry_id: UUID
    name: str
    is_folder: bool


CHILDREN: Final = """
SELECT natural_rank, entry_id, path[$2::integer + 1] AS name, cardinality(path) > $2::integer + 1 AS is_folder
FROM entries WHERE torrent_id = $1 AND natural_rank = $3
UNION ALL (
SELECT natural_rank, entry_id, path[$2::integer + 1], cardinality(path) > $2::integer + 1
FROM entries WHERE torrent_id = $1 AND shared_folders = $2::integer AND natural_rank > $3 AND natural_rank < $4
ORDER BY natural_rank LIMIT $5)
ORDER BY natural_rank
"""


async def children(tx: Tx, torrent_id: UUID, depth: int, *, first: int, past: int, limit: int) -> list[Child]:
    """The children of a folder of `depth` elements from the one that begins at rank `first` on, before rank `past`:
    `limit` (1 or more) of them, folders first, in natural order."""
    return [Child(*row) for row in await tx.fetch(CHILDREN, torrent_id, depth, first, past, limit - 1)]


TOTALS: Final = """
SELECT r.first, count(*) AS file_count, sum(e.size_bytes)::bigint AS total_bytes,
       count(*) FILTER (WHERE f.selected) AS wanted_files,
       COALESCE(sum(e.size_bytes) FILTER (WHERE f.selected), 0)::bigint AS wanted_bytes,
       count(*) FILTER (WHERE f.state = 'stored') AS stored_files,
       COALESCE(sum(e.size_bytes) FILTER (WHERE f.state = 'stored'), 0)::bigint AS stored_bytes
FROM unnest($3::integer[], $4::integer[]) AS r (first, past)
JOIN entries e ON e.torrent_id = $1 AND e.natural_rank >= r.first AND e.natural_rank < r.past
JOIN files f ON f.entry_id = e.entry_id AND f.job_id = $2 AND f.state <> 'deleted'
GROUP BY r.first
"""


async def totals(tx: Tx, torrent_id: UUID, job_id: UUID, ranges: Sequence[tuple[int, int]]) -> dict[int, FileTotals]:
    """What a job has in each of these ranges of ranks, by their first one; none for a range without files."""
    firsts, ends = [first for first, _ in ranges], [past for _, past in ranges]
    found = await tx.fetch(TOTALS, torrent_id, job_id, firsts, ends)
    return {first: FileTotals(*rest) for first, *rest in found}


FILES: Final = f"""
SELECT {columns} FROM entries e JOIN files f ON f.entry_id = e.entry_id AND f.job_id = $1
WHERE e.entry_id = ANY($2::uuid[]) AND f.state <> 'deleted' ORDER BY e.natural_rank
"""


async def files_of(tx: Tx, job_id: UUID, entry_ids: Sequence[UUID]) -> list[FileRow]:
    """The job's files of these entries, in natural order."""
    return [file_row(row) for row in await tx.fetch(FILES, job_id, entry_ids)]
