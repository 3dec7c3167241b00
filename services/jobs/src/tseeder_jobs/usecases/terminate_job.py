"""The operators' way to end any user's job."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.rows import JobRow, Reason
from tseeder_jobs.usecases.cancel_job import cancel_as
from tseeder_jobs.usecases.context import Context


async def terminate_job(ctx: Context, job_id: UUID, reason: Reason) -> JobRow:
    """Its owner sees the reason; one that had ended already is answered as it is."""
    return await cancel_as(ctx, None, job_id, reason)
