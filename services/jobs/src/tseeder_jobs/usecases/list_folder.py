"""What is in a folder of a job: its folders with their totals, then its files, page by page, in natural order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tseeder_jobs.domain.paths import folder_path
from tseeder_jobs.domain.rows import FileRow, FileTotals
from tseeder_jobs.store import folders
from tseeder_jobs.store.folders import Child
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.order_files import ordered_job
from tseeder_jobs.usecases.paging import List, page_size
from tseeder_jobs.usecases.read_files import DEFAULT_LIMIT, MAX_LIMIT, folder_range, totals_of
from tseeder_pg import Tx, transaction


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with all that is in it, at any depth."""

    path: tuple[str, ...]
    totals: FileTotals


@dataclass(frozen=True, slots=True)
class FolderPage:
    """`next_cursor` "": the list ends here. `totals` of the folder itself are told with the first page only."""

    folders: list[Folder]
    files: list[FileRow]
    next_cursor: str
    totals: FileTotals | None


async def list_folder(ctx: Context, user_id: UUID, job_id: UUID, folder: str, *, cursor: str, limit: int) -> FolderPage:
    """One page of `folder` ("": the root). What its user has deleted is left out, as are folders of which nothing is
    left, so that a page may hold fewer than `limit` while the list goes on.

    Errors: NOT_FOUND `job_not_found`, `folder_not_found`; INVALID `bad_limit`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    listed = List(ctx.keyring, "jobs.folder", (str(user_id), str(job_id), folder))
    place = listed.position(cursor)
    job = await ordered_job(ctx, user_id, job_id)
    path = folder_path(folder)
    async with transaction(ctx.pool, readonly=True) as tx:
        first, past = await _range(tx, job.torrent_id, folder, place)
        found = await folders.children(tx, job.torrent_id, len(path), first=first, past=past, limit=size + 1)
        shown, following = found[:size], found[size:]
        end = following[0].rank if following else past
        return FolderPage(
            folders=await _folders(tx, job.torrent_id, job_id, path, shown, end),
            files=await folders.files_of(tx, job_id, [child.entry_id for child in shown if not child.is_folder]),
            next_cursor=listed.cursor(following[0].rank) if following else "",
            totals=await totals_of(tx, job.torrent_id, job_id, (first, past)) if place is None else None,
        )


async def _range(tx: Tx, torrent_id: UUID, folder: str, place: int | str | None) -> tuple[int, int]:
    """What is left of the folder from `place` on, the rank at which its next child begins; None: all of it."""
    if place is None:
        return await folder_range(tx, torrent_id, folder)
    return int(place), await folders.end_rank(tx, torrent_id, len(folder_path(folder)), int(place))


async def _folders(
    tx: Tx, torrent_id: UUID, job_id: UUID, path: tuple[str, ...], children: Sequence[Child], end: int
) -> list[Folder]:
    """Those of the children, of which the last one goes up to rank `end`, that are folders with files left."""
    ends = [*(child.rank for child in children[1:]), end]
    ranges = {child.rank: past for child, past in zip(children, ends, strict=False) if child.is_folder}
    held = await folders.totals(tx, torrent_id, job_id, list(ranges.items()))
    return [Folder((*path, child.name), held[child.rank]) for child in children if child.rank in held]
