"""The places of a torrent's entries in its natural order, for torrents that are older than these columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.natural_order import Place
from tseeder_pg import Record, Tx

ANY_UNORDERED: Final = "SELECT torrent_id FROM entries WHERE natural_rank IS NULL LIMIT 1"


async def any_unordered(tx: Tx) -> UUID | None:
    """A torrent with an entry that has no place yet."""
    value: UUID | None = await tx.fetchval(ANY_UNORDERED)
    return value


IS_UNORDERED: Final = "SELECT EXISTS (SELECT 1 FROM entries WHERE torrent_id = $1 AND natural_rank IS NULL)"


async def is_unordered(tx: Tx, torrent_id: UUID) -> bool:
    """Whether an entry of this torrent has no place yet."""
    return bool(await tx.fetchval(IS_UNORDERED, torrent_id))


READ_PATHS: Final = "SELECT entry_id, path FROM entries WHERE torrent_id = $1 ORDER BY entry_id"


async def read_paths(tx: Tx, torrent_id: UUID) -> list[Record]:
    """`entry_id, path` of all entries of a torrent, by id."""
    return await tx.fetch(READ_PATHS, torrent_id)


WRITE_PLACES: Final = """
UPDATE entries e SET natural_rank = p.natural_rank, shared_folders = p.shared_folders
FROM unnest($1::uuid[], $2::integer[], $3::smallint[]) AS p (entry_id, natural_rank, shared_folders)
WHERE e.entry_id = p.entry_id
  AND (e.natural_rank, e.shared_folders) IS DISTINCT FROM (p.natural_rank, p.shared_folders)
"""


async def write_places(tx: Tx, entry_ids: Sequence[UUID], places: Sequence[Place]) -> None:
    """The same again changes nothing. The entries' rows are held."""
    ranks, shared = [place.rank for place in places], [place.shared_folders for place in places]
    await tx.execute(WRITE_PLACES, entry_ids, ranks, shared)
