"""How many there are, for gauges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tseeder_jobs.domain.states import TRANSFER_LIVE, TransferState
from tseeder_pg import Tx

# By the partial index of each, and not by what ended long ago.
COUNT_TRANSFERS: Final = """
SELECT 'queued' AS state, count(*) AS transfers FROM transfers WHERE state = 'queued'
UNION ALL SELECT 'parked', count(*) FROM transfers WHERE state = 'parked'
UNION ALL SELECT state, count(*) FROM transfers WHERE state IN ('resolving', 'downloading', 'storing') GROUP BY state
"""


async def count_transfers(tx: Tx) -> dict[TransferState, int]:
    """Live transfers by state, each state named."""
    found = {row["state"]: row["transfers"] for row in await tx.fetch(COUNT_TRANSFERS)}
    return {state: found.get(state, 0) for state in TRANSFER_LIVE}


MEASURE_QUEUE: Final = """
SELECT u.plan_id, sum(q.transfers)::bigint AS transfers,
       extract(epoch FROM clock_timestamp() - min(q.since))::float8 AS oldest_seconds
FROM (SELECT payer_user_id, count(*) AS transfers, min(queued_at) AS since FROM transfers
      WHERE state = 'queued' GROUP BY payer_user_id) q
JOIN usage u ON u.user_id = q.payer_user_id GROUP BY u.plan_id
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for agents, of the payers of one plan; the age counts from when a transfer was made."""

    plan_id: str
    transfers: int
    oldest_seconds: float


async def measure_queue(tx: Tx) -> list[Queue]:
    """By plan; a plan without any is not named."""
    return [Queue(**row) for row in await tx.fetch(MEASURE_QUEUE)]


COUNT_LEASES: Final = """
SELECT count(*) FILTER (WHERE NOT expired) AS held, count(*) FILTER (WHERE expired) AS expired FROM leases
"""


async def count_leases(tx: Tx) -> tuple[int, int]:
    """`(held, expired and not yet claimed by another)`."""
    row = await tx.fetchrow(COUNT_LEASES)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return row["held"], row["expired"]
