"""Nobody could do better: the transfer ends as failed, and its jobs with it."""

from __future__ import annotations

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TransferState
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.held_lease import hold
from tseeder_jobs.usecases.wish import end_transfer
from tseeder_pg import retrying, transaction


async def fail_transfer(ctx: Context, caller: AgentCaller, lease: LeaseRef, reason: Reason) -> None:
    """What is stored by now stays with its jobs."""
    bell = Doorbell()

    async def fail() -> None:
        async with transaction(ctx.pool) as tx:
            transfer = await hold(tx, caller, lease)
            await end_transfer(tx, transfer, TransferState.FAILED, bell, outcome="failed", reason=reason)

    await retrying(fail)
    await bell.ring(ctx)
    await end_jobs_of(ctx, lease.transfer_id)
