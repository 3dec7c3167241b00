"""A user's own links, a page of them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.domain.links import LinkRow
from tseeder_jobs.store import files, links
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.paging import List, page_size
from tseeder_jobs.usecases.read_files import file_not_found
from tseeder_pg import transaction

DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1000


async def list_links(
    ctx: Context, user_id: UUID, file_id: UUID | None, *, cursor: str, limit: int
) -> tuple[list[LinkRow], str]:
    """Those that have not ended, newest first, of one file or of all (None); and the next cursor ("" at the end).

    Errors: NOT_FOUND `file_not_found`; INVALID `bad_limit`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    listed = List(ctx.keyring, "jobs.links", (str(user_id), str(file_id or "")))
    last = listed.position(cursor)
    before = None if last is None else UUID(str(last))
    async with transaction(ctx.pool, readonly=True) as tx:
        if file_id is None:
            rows = await links.page_of_user(tx, user_id, before=before, limit=size + 1)
        else:
            file = await files.read_own(tx, file_id, user_id)
            if file is None:
                raise file_not_found()
            rows = await links.page_of_file(tx, file.job_id, file_id, before=before, limit=size + 1)
    shown = rows[:size]
    return shown, listed.cursor(str(shown[-1].link_id)) if len(rows) > size else ""
