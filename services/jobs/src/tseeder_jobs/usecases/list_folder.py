"""What is in a folder of a job: its folders with their totals, then its files, page by page, in natural order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tseeder_jobs.domain.file_filter import FileFilter
from tseeder_jobs.domain.paths import folder_path
from tseeder_jobs.domain.rows import FileRow, FileTotals, JobRow
from tseeder_jobs.store import file_lists, folders
from tseeder_jobs.store.file_lists import Stretch
from tseeder_jobs.store.folders import Child
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.order_files import ordered_job
from tseeder_jobs.usecases.paging import List, page_size
from tseeder_jobs.usecases.read_files import DEFAULT_LIMIT, MAX_LIMIT, stretch_of, totals_of
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
    depth = len(folder_path(folder))
    async with transaction(ctx.pool, readonly=True) as tx:
        left = await _left(tx, job, folder, place)
        found = await folders.children(tx, left, depth, limit=size + 1)
        shown, following = found[:size], found[size:]
        end = following[0].rank if following else left.past
        inner = [child for child in shown if child.is_folder]
        files_from = shown[len(inner)].rank if len(inner) < len(shown) else end
        return FolderPage(
            folders=await _totalled(tx, replace(left, past=files_from), folder, inner),
            files=await file_lists.page_by_rank(tx, replace(left, first=files_from, past=end), FileFilter(), size),
            next_cursor=listed.cursor(end) if following else "",
            totals=await totals_of(tx, job, left) if place is None else None,
        )


async def _left(tx: Tx, job: JobRow, folder: str, place: int | str | None) -> Stretch:
    """Of the folder what begins with its child of rank `place`; None: all of it. NOT_FOUND `folder_not_found`."""
    if place is None:
        return await stretch_of(tx, job, folder)
    end = await folders.end_rank(tx, job.torrent_id, len(folder_path(folder)), int(place))
    return Stretch(job.torrent_id, job.job_id, int(place), end)


async def _totalled(tx: Tx, part: Stretch, folder: str, inner: Sequence[Child]) -> list[Folder]:
    """Those of the folders in this part that have files left."""
    if not inner:
        return []
    held = await folders.totals(tx, part, [child.rank for child in inner])
    path = folder_path(folder)
    return [Folder((*path, child.name), held[child.rank]) for child in inner if child.rank in held]
