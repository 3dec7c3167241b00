"""An agent gives its lease back; somebody else goes on from what S3 holds."""

from __future__ import annotations

from tseeder_jobs.domain.agent_calls import AgentCaller, LeaseRef
from tseeder_jobs.domain.failures import LeaseEnd
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.doorbell import Doorbell
from tseeder_jobs.usecases.end_stranded import end_jobs_of
from tseeder_jobs.usecases.give_back import requeue
from tseeder_jobs.usecases.held_lease import hold
from tseeder_kit.errors import precondition
from tseeder_pg import retrying, transaction

LONGEST_WAIT_SECONDS = 3600.0


async def release_transfer(
    ctx: Context,
    caller: AgentCaller,
    lease: LeaseRef,
    *,
    wanted_version: int,
    reason: Reason | None,
    not_before_seconds: float,
    spends_attempt: bool,
) -> None:
    """With a `wanted_version` that is not the newest (not 0) it is refused as `wanted_changed`: a wish that came in at
    the last moment is never lost. What becomes of the transfer is jobs' to say: domain/failures.py."""
    bell = Doorbell()
    wait = min(max(not_before_seconds, 0.0), LONGEST_WAIT_SECONDS)
    end = LeaseEnd(reason, asks_to_spend=spends_attempt, asked_seconds=wait)

    async def release() -> None:
        async with transaction(ctx.pool) as tx:
            transfer = await hold(tx, caller, lease)
            if wanted_version and wanted_version != transfer.wanted_version:
                raise precondition("wanted_changed", "What is wanted has changed; describe the transfer again.")
            await requeue(ctx, tx, transfer, bell, end=end, outcome="released")

    await retrying(release)
    await bell.ring(ctx)
    await end_jobs_of(ctx, lease.transfer_id)
