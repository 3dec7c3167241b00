"""What operators see of object storage."""

from __future__ import annotations

from tseeder_jobs.domain.leftovers import Report, StorageTotals
from tseeder_jobs.store import leftovers, storage_totals
from tseeder_jobs.usecases.context import Context
from tseeder_pg import transaction


async def read_storage(ctx: Context) -> tuple[StorageTotals | None, list[Report]]:
    """The totals as they were counted last, and the last report of each kind of leftover."""
    async with transaction(ctx.pool, readonly=True) as tx:
        return await storage_totals.read(tx), await leftovers.read_reports(tx)


async def measure_storage(ctx: Context) -> int:
    """The sweep: count anew. Answers 0."""
    async with transaction(ctx.pool) as tx:
        await storage_totals.measure(tx)
    return 0
