"""Change what a user calls his job: in any state, and without a word to its transfer."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.names import job_name
from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.store import events, jobs
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.own_job import job_not_found
from tseeder_pg import retrying, transaction


async def update_job(ctx: Context, user_id: UUID, job_id: UUID, name: str | None) -> JobRow:
    """The job under its new name; "": the torrent's own, None: as it is. The same name again is no change."""
    wanted = None if name is None else job_name(name)

    async def update() -> JobRow:
        async with transaction(ctx.pool) as tx:
            # One row, the last in the order of locks, is all that this holds.
            if wanted is not None and await jobs.rename(tx, job_id, user_id, wanted or None):
                await events.append_changed(tx, [job_id])
            row = await jobs.read_own(tx, job_id, user_id)
            if row is None:
                raise job_not_found()
            return row

    return await retrying(update)
