"""Forget what has served its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tseeder_jobs.store import agents, bandwidth, idempotency, links, streams
from tseeder_jobs.usecases.context import Context
from tseeder_pg import transaction

HEARTBEATS_KEPT: Final = timedelta(days=7)
LINKS_KEPT: Final = timedelta(days=1)
"""After their end: so long an Idempotency-Key is remembered at least."""


async def trim_records(ctx: Context) -> int:
    """Expired idempotency records, old heartbeats, streams whose gateway died, links that ended, bandwidth of
    long ago. Answers 0: it is nothing special."""
    async with transaction(ctx.pool) as tx:
        await idempotency.trim(tx)
        await agents.trim_history(tx, HEARTBEATS_KEPT)
        await streams.trim(tx)
        await links.trim(tx, LINKS_KEPT)
        await bandwidth.trim(tx)
    return 0
