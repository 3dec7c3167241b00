"""The gauges that nobody's call moves: how much waits, how much runs, and whether object storage answers."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.store import census
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError
from tseeder_kit.telemetry import gauge
from tseeder_pg import feed, transaction

_transfers: Final = gauge("jobs_transfers", "Live transfers", ("state",))
_queued: Final = gauge("jobs_queued_transfers", "Transfers that wait for an agent, by their payer's plan", ("plan",))
_oldest: Final = gauge(
    "jobs_queue_oldest_seconds", "Age of the oldest transfer that waits for an agent, by its payer's plan", ("plan",)
)
_leases: Final = gauge("jobs_leases", "Leases: held, and expired but not yet claimed by another", ("state",))
_storage: Final = gauge("jobs_storage_up", "1 while object storage answers")


async def count_rows(ctx: Context) -> int:
    """Live transfers, the queue, leases, and the feed. Answers 0."""
    async with transaction(ctx.pool, readonly=True) as tx:
        by_state = await census.count_transfers(tx)
        queues = await census.measure_queue(tx)
        held, expired = await census.count_leases(tx)
    for state, count in by_state.items():
        _transfers.labels(state).set(count)
    for plan_gauge in (_queued, _oldest):
        plan_gauge.clear()  # a plan of which nothing waits any more
    for queue in queues:
        _queued.labels(queue.plan_id).set(queue.transfers)
        _oldest.labels(queue.plan_id).set(queue.oldest_seconds)
    _leases.labels("held").set(held)
    _leases.labels("expired").set(expired)
    await feed.measure(ctx.pool)
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
