"""The sweep for jobs that are older than primary files: each gets its own."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from tseeder_jobs.store import events, jobs, primaries
from tseeder_jobs.usecases.context import Context
from tseeder_pg import connection, retrying, transaction

JOBS_A_ROUND: Final = 100


async def find_primaries(ctx: Context) -> int:
    """Answers for how many jobs it looked."""
    async with connection(ctx.pool) as tx:
        unknown = await primaries.unknown(tx, JOBS_A_ROUND)
    for job_id in unknown:

        async def find(job_id: UUID = job_id) -> None:
            async with transaction(ctx.pool) as tx:
                await jobs.lock(tx, [job_id])
                if await primaries.refresh(tx, job_id):
                    await events.append_changed(tx, [job_id])

        await retrying(find)
    return len(unknown)
