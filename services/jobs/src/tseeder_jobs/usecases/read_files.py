"""A user's own files: one, those of a job, or those of all his jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal
from uuid import UUID

from tseeder_jobs.domain.file_filter import FileFilter
from tseeder_jobs.domain.paths import folder_path
from tseeder_jobs.domain.rows import FileRow, FileTotals, JobRow
from tseeder_jobs.store import file_lists, files, folders, probing
from tseeder_jobs.store.file_lists import Stretch
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.order_files import ordered_job
from tseeder_jobs.usecases.paging import List, page_size, searched
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import Tx, transaction

DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1000
EXAMINED: Final = 20_000
"""How many of a user's files one page looks at, however few of them are wanted."""
NO_TOTALS: Final = FileTotals(0, 0, 0, 0, 0, 0)

Order = Literal["index", "natural"]


@dataclass(frozen=True, slots=True)
class FilePage:
    """`next_cursor` "": the list ends here. `totals` are told with a list's first page only."""

    files: list[FileRow]
    next_cursor: str
    totals: FileTotals | None = None


def file_not_found() -> AppError:
    """No such file, a deleted one, or another user's: told alike."""
    return not_found("file_not_found", "There is no such file.")


async def get_file(ctx: Context, user_id: UUID, file_id: UUID) -> FileRow:
    """With its media facts, if they are known. NOT_FOUND `file_not_found`."""
    async with transaction(ctx.pool, readonly=True) as tx:
        row = await files.read_own(tx, file_id, user_id)
        media = await probing.facts(tx, row.entry_id) if row is not None else None
    if row is None:
        raise file_not_found()
    return replace(row, media=media)


async def find_files(ctx: Context, user_id: UUID, wanted: FileFilter, *, cursor: str, limit: int) -> FilePage:
    """All of a user's files that are `wanted`, newest first. A page looks at EXAMINED files at most, and may hold
    fewer than `limit`, or none, while the list goes on.

    Errors: INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    searched(wanted.text)
    listed = List(ctx.keyring, "jobs.files", (str(user_id), *wanted.words))
    last = listed.position(cursor)
    before = file_lists.NEWEST if last is None else UUID(str(last))
    async with transaction(ctx.pool, readonly=True) as tx:
        rows = await file_lists.page_of_user(tx, user_id, wanted, before=before, examined=EXAMINED, limit=size + 1)
        if len(rows) > size:
            return FilePage(rows[:size], listed.cursor(str(rows[size - 1].file_id)))
        looked_at = await file_lists.last_examined(tx, user_id, before=before, examined=EXAMINED)
    return FilePage(rows, "" if looked_at is None else listed.cursor(str(looked_at)))


async def list_files(
    ctx: Context,
    user_id: UUID,
    job_id: UUID,
    wanted: FileFilter,
    *,
    folder: str,
    order: Order,
    cursor: str,
    limit: int,
) -> FilePage:
    """The files of one job, or of one of its folders at any depth ("": all), that are `wanted`; totals are of the job
    or folder, whatever is wanted of it.

    Errors: NOT_FOUND `job_not_found`, `folder_not_found`; INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    searched(wanted.text)
    listed = List(ctx.keyring, "jobs.job_files", (str(user_id), str(job_id), folder, order, *wanted.words))
    last = listed.position(cursor)
    job = await ordered_job(ctx, user_id, job_id)
    async with transaction(ctx.pool, readonly=True) as tx:
        part = await stretch_of(tx, job, folder)
        totals = await totals_of(tx, job, part) if last is None else None
        if order == "index":
            after = -1 if last is None else int(last)
            rows = await file_lists.page_by_index(tx, part, wanted, size + 1, after_index=after)
        else:
            part = part if last is None else replace(part, first=int(last) + 1)
            rows = await file_lists.page_by_rank(tx, part, wanted, size + 1)
    if len(rows) <= size:
        return FilePage(rows, "", totals)
    end = rows[size - 1]
    return FilePage(rows[:size], listed.cursor(end.file_index if order == "index" else end.natural_rank), totals)


async def stretch_of(tx: Tx, job: JobRow, folder: str) -> Stretch:
    """A folder of a job ("": all of it). NOT_FOUND `folder_not_found`."""
    path = folder_path(folder)
    first: int | None = 0
    if path:
        first = await folders.first_rank(tx, job.torrent_id, path)
    if first is None:
        raise not_found("folder_not_found", "The job has no such folder.")
    return Stretch(job.torrent_id, job.job_id, first, await folders.end_rank(tx, job.torrent_id, len(path), first))


async def totals_of(tx: Tx, job: JobRow, part: Stretch) -> FileTotals:
    """What the job has in this part of its torrent. All of it is known from the job, but for what was deleted of it."""
    if (part.first, part.past) != (0, folders.END_OF_TORRENT):
        return (await folders.totals(tx, part, [part.first])).get(part.first, NO_TOTALS)
    if not job.file_count:
        return NO_TOTALS
    files_less, bytes_less = await folders.deleted(tx, job.job_id)
    return FileTotals(
        file_count=job.file_count - files_less,
        total_bytes=job.total_bytes - bytes_less,
        wanted_files=job.wanted_files,
        wanted_bytes=job.wanted_bytes,
        stored_files=job.stored_files,
        stored_bytes=job.stored_bytes,
    )
