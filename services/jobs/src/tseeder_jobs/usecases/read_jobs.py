"""A user's own jobs, one or a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import JobState
from tseeder_jobs.store import jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.paging import List, page_size, searched
from tseeder_kit.errors import not_found
from tseeder_pg import transaction

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200


async def get_job(ctx: Context, user_id: UUID, job_id: UUID) -> JobRow:
    """NOT_FOUND `job_not_found` for one that is not there, or another user's."""
    async with transaction(ctx.pool, readonly=True) as tx:
        row = await jobs.read_own(tx, job_id, user_id)
    if row is None:
        raise not_found("job_not_found", "There is no such job.")
    return row


async def list_jobs(
    ctx: Context, user_id: UUID, *, states: Sequence[JobState], text: str, cursor: str, limit: int
) -> tuple[list[JobRow], str]:
    """A user's jobs, newest first, in any of `states` (none: all), with `text` in their name ("": all), and the cursor
    of the next page ("" at the end).

    Errors: INVALID `bad_limit`, `bad_text`, `bad_cursor`.
    """
    size = page_size(limit, DEFAULT_LIMIT, MAX_LIMIT)
    wanted = sorted(set(states))
    listed = List(ctx.keyring, "jobs.jobs", (str(user_id), ",".join(wanted), searched(text)))
    before = listed.position(cursor)
    async with transaction(ctx.pool, readonly=True) as tx:
        rows = await jobs.page(
            tx, user_id, before=UUID(str(before)) if before else None, states=wanted, text=text, limit=size + 1
        )
    shown = rows[:size]
    return shown, listed.cursor(str(shown[-1].job_id)) if len(rows) > size else ""
