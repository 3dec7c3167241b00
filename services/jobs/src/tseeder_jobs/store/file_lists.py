"""Pages of files: of one job in two orders, and of all jobs of a user.

One table is gone through in the order of an index, and each row asks the other for its own. OFFSET 0 leaves the
planner no other way: where its statistics know small torrents only, it compared each file with each entry, which took
3 s at 10,000 files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.file_filter import FileFilter
from tseeder_jobs.domain.media_types import extensions_of
from tseeder_jobs.domain.rows import FileRow
from tseeder_jobs.store.files import columns, extension, file_row
from tseeder_pg import Tx

NEWEST: Final = UUID(int=(1 << 128) - 1)


own_file: Final = "LATERAL (SELECT * FROM files WHERE job_id = $2 AND entry_id = e.entry_id OFFSET 0) f"
"""The file of the job $2 for an entry `e`."""


def _matching(first: int) -> str:
    """The six parameters of `_arguments`, from number `first` on."""
    text, smallest, largest, states, listed, others = (f"${first + at}" for at in range(6))
    return f"""f.state <> 'deleted'
  AND ({text} = '' OR strpos(lower(array_to_string(e.path, '/')), lower({text})) > 0)
  AND e.size_bytes >= {smallest} AND e.size_bytes <= {largest}
  AND (cardinality({states}::text[]) = 0 OR f.state = ANY({states}))
  AND ({extension} = ANY({listed}::text[])) <> {others}::boolean"""


def _arguments(wanted: FileFilter) -> tuple[object, ...]:
    meant = extensions_of(wanted.types)
    sizes = (wanted.min_bytes, wanted.max_bytes)
    return wanted.text, *sizes, sorted(wanted.states), meant.listed, meant.others


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a job's torrent a list goes through: entries of ranks from `first` up to, not with, `past`."""

    torrent_id: UUID
    job_id: UUID
    first: int
    past: int


PAGE_BY_RANK: Final = f"""
SELECT {columns} FROM entries e CROSS JOIN {own_file}
WHERE e.torrent_id = $1 AND e.natural_rank >= $3 AND e.natural_rank < $4 AND {_matching(6)}
ORDER BY e.natural_rank LIMIT $5
"""


async def page_by_rank(tx: Tx, stretch: Stretch, wanted: FileFilter, limit: int) -> list[FileRow]:
    """In natural order."""
    part = (stretch.torrent_id, stretch.job_id, stretch.first, stretch.past)
    return [file_row(r) for r in await tx.fetch(PAGE_BY_RANK, *part, limit, *_arguments(wanted))]


PAGE_BY_INDEX: Final = f"""
SELECT {columns} FROM entries e CROSS JOIN {own_file}
WHERE e.torrent_id = $1 AND e.file_index > $6 AND {_matching(7)}
  AND e.natural_rank + 0 >= $3 AND e.natural_rank + 0 < $4  -- + 0: by the index of file_index, which needs no sort
ORDER BY e.file_index LIMIT $5
"""


async def page_by_index(tx: Tx, stretch: Stretch, wanted: FileFilter, limit: int, *, after_index: int) -> list[FileRow]:
    """In the order of the info dictionary, after `after_index` (-1: from the first)."""
    part = (stretch.torrent_id, stretch.job_id, stretch.first, stretch.past)
    found = await tx.fetch(PAGE_BY_INDEX, *part, limit, after_index, *_arguments(wanted))
    return [file_row(r) for r in found]


PAGE_OF_USER: Final = f"""
SELECT {columns}
FROM (SELECT * FROM files WHERE user_id = $1 AND file_id < $2 ORDER BY file_id DESC LIMIT $3) f
CROSS JOIN LATERAL (SELECT * FROM entries WHERE entry_id = f.entry_id OFFSET 0) e
WHERE {_matching(5)}
ORDER BY f.file_id DESC LIMIT $4
"""


async def page_of_user(
    tx: Tx, user_id: UUID, wanted: FileFilter, *, before: UUID, examined: int, limit: int
) -> list[FileRow]:
    """All of a user's files, newest first, older than `before`: those that are `wanted` of the next `examined`."""
    found = await tx.fetch(PAGE_OF_USER, user_id, before, examined, limit, *_arguments(wanted))
    return [file_row(r) for r in found]


LAST_EXAMINED: Final = """
SELECT file_id FROM files WHERE user_id = $1 AND file_id < $2 ORDER BY file_id DESC OFFSET $3 LIMIT 1
"""


async def last_examined(tx: Tx, user_id: UUID, *, before: UUID, examined: int) -> UUID | None:
    """Up to where `page_of_user` has looked; None: to the end."""
    value: UUID | None = await tx.fetchval(LAST_EXAMINED, user_id, before, examined - 1)
    return value
