"""How many there are, for gauges."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.domain.states import TRANSFER_LIVE, TransferState
from tseeder_pg import Tx

COUNT_TRANSFERS: Final = """
SELECT state, count(*) AS transfers FROM transfers
WHERE state IN ('queued', 'resolving', 'downloading', 'storing', 'parked') GROUP BY state
"""


async def count_transfers(tx: Tx) -> dict[TransferState, int]:
    """Live transfers by state, each state named."""
    found = {row["state"]: row["transfers"] for row in await tx.fetch(COUNT_TRANSFERS)}
    return {state: found.get(state, 0) for state in TRANSFER_LIVE}


COUNT_LEASES: Final = """
SELECT count(*) FILTER (WHERE NOT expired) AS held, count(*) FILTER (WHERE expired) AS expired FROM leases
"""


async def count_leases(tx: Tx) -> tuple[int, int]:
    """`(held, expired and not yet claimed by another)`."""
    row = await tx.fetchrow(COUNT_LEASES)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return row["held"], row["expired"]
