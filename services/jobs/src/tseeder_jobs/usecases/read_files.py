"""A user's own files, one or a page."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import FileRow
from tseeder_jobs.store import files, jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.paging import List, page_size, searched
from tseeder_kit.errors import AppError, not_found
from tseeder_pg import transaction

DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1000


def file_not_found() -> AppError:
    """No such file, a deleted one, or another user's: told alike."""
    return not_found("file_not_found", "There is no such file.")


async def get_file(ctx: Context, user_id: UUID, file_id: UUID) -> FileRow:
    """NOT_FOUND `file_not_found`."""
    async with transaction(ctx.pool, readonly=True) as tx:
        row = await files.read_own(tx, file_id, user_id)
    if row is None:
        raise file_not_found()
    return row


async def list_files(
    ctx: Context, user_id: UUID, job_id: UUID | None, *, text: str, cursor: str, limit: int
) -> tuple[list[FileRow], str]:
    """The files of one job in the order of its torrent, or all of a user's (None), newest first; with `text` in their
    path ("": all). Answers the cursor of the next page, too ("" at the end).

    Errors: NOT_FOUND `job_not_found`; INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    listed = List(ctx.keyring, "jobs.files", (str(user_id), str(job_id or ""), searched(text)))
    last = listed.position(cursor)
    if job_id is None:
        rows = await _of_user(ctx, user_id, None if last is None else UUID(str(last)), text, size + 1)
    else:
        rows = await _of_job(ctx, user_id, job_id, -1 if last is None else int(last), text=text, limit=size + 1)
    shown = rows[:size]
    if len(rows) <= size:
        return shown, ""
    return shown, listed.cursor(str(shown[-1].file_id) if job_id is None else shown[-1].file_index)


async def _of_user(ctx: Context, user_id: UUID, before: UUID | None, text: str, limit: int) -> list[FileRow]:
    async with transaction(ctx.pool, readonly=True) as tx:
        return await files.page_of_user(tx, user_id, before=before, text=text, limit=limit)


async def _of_job(ctx: Context, user_id: UUID, job_id: UUID, after: int, *, text: str, limit: int) -> list[FileRow]:
    async with transaction(ctx.pool, readonly=True) as tx:
        if await jobs.read_own(tx, job_id, user_id) is None:
            raise not_found("job_not_found", "There is no such job.")
        return await files.page_of_job(tx, job_id, user_id, after_index=after, text=text, limit=limit)
