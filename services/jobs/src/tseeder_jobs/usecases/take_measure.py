"""The gauges that nobody's call moves: how much waits, how much runs, and whether object storage answers."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.store import census
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError
from tseeder_kit.telemetry import gauge
from tseeder_pg import transaction

_transfers: Final = gauge("jobs_transfers", "Live transfers", ("state",))
_leases: Final = gauge("jobs_leases", "Leases: held, and expired but not yet claimed by another", ("state",))
_storage: Final = gauge("jobs_storage_up", "1 while object storage answers")


async def count_rows(ctx: Context) -> int:
    """Live transfers and leases. Answers 0."""
    async with transaction(ctx.pool, readonly=True) as tx:
        by_state = await census.count_transfers(tx)
        held, expired = await census.count_leases(tx)
    for state, count in by_state.items():
        _transfers.labels(state).set(count)
    _leases.labels("held").set(held)
    _leases.labels("expired").set(expired)
    return 0


async def check_storage(ctx: Context) -> int:
    """Raises while storage is away. Readiness does not ask for it: submits, lists and heartbeats go on without."""
    try:
        await ctx.storage.check()
    except AppError:
        _storage.set(0)
        raise
    _storage.set(1)
    return 0
