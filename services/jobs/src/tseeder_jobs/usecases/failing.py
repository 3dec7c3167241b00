"""How patient this service is with transfers that fail, and what it counts of them."""

from __future__ import annotations

import random

from tseeder_jobs.domain.agent_calls import LeaseRef
from tseeder_jobs.domain.failures import Patience, agents_lost
from tseeder_jobs.domain.rows import TransferRow
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.store import transfers
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.wish import end_transfer
from tseeder_pg import Tx, retrying, transaction


def patience(ctx: Context) -> Patience:
    """As the settings say."""
    settings = ctx.settings
    return Patience(
        max_attempts=settings.max_attempts,
        max_deaths=settings.max_deaths,
        backoff_seconds=settings.backoff_seconds,
        longest_seconds=settings.backoff_longest_seconds,
    )


def luck() -> float:
    """From 0 to 1, for `Patience.wait`."""
    return random.random()  # noqa: S311 - nobody gains by guessing it


async def count_death(ctx: Context, tx: Tx, transfer: TransferRow) -> bool:
    """A claim found that the last lease ended with its agent; the transfer's row is held, that attempt is ended.

    True: it was one too many, and the transfer has failed. Its jobs are ended by the sweep: a claim holds no locks of
    theirs.
    """
    deaths = transfer.deaths + 1
    await transfers.set_deaths(tx, transfer.transfer_id, deaths)
    if deaths < ctx.settings.max_deaths:
        return False
    reason = agents_lost(deaths)
    await end_transfer(tx, transfer, TransferState.FAILED, Doorbell(), outcome="expired", reason=reason)
    return True


async def got_further(ctx: Context, lease: LeaseRef) -> None:
    """Something of it went to S3: whatever took its agents down, it is not what it always does.

    A transaction of its own, after the one that wrote what went up: that one shares the transfer's row with others of
    its kind, and two that share it would wait for each other here.
    """

    async def forget() -> None:
        async with transaction(ctx.pool) as tx:
            await transfers.forget_deaths(tx, lease.transfer_id, lease.epoch)

    await retrying(forget)
