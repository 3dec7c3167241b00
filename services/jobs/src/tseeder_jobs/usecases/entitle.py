"""What billing allows a user, written where the rules look: his usage row."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from tseeder_jobs.adapters.billing import Entitlements
from tseeder_jobs.domain.rows import UsageRow
from tseeder_jobs.store import usage
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_pg import Tx, retrying, transaction

_log = get_logger(__name__)


async def lock_entitled(ctx: Context, tx: Tx, user_id: UUID, allowed: Entitlements) -> UsageRow:
    """The usage row with these limits, held until the transaction ends; made if it is the user's first."""
    return await usage.lock_with_entitlements(
        tx,
        user_id,
        plan_id=allowed.plan_id,
        live_jobs_limit=allowed.live_jobs,
        running_limit=allowed.running_transfers,
        storage_limit_bytes=allowed.storage_bytes,
        priority=allowed.priority,
        metadata_timeout_seconds=allowed.metadata_timeout_seconds,
        stall_timeout_seconds=allowed.stall_timeout_seconds,
        streams_limit=allowed.streams,
        retention_days=allowed.retention_days,
        notice=timedelta(days=ctx.settings.retention_notice_days),
    )


async def refresh_limits(ctx: Context, user_id: UUID) -> None:
    """Before a user's own verb that may take more: a plan that was just bought counts at once. While billing is away,
    what it said last holds. A user without a row has nothing that such a verb could be about."""
    try:
        allowed = await ctx.billing.entitlements(user_id)
    except AppError as exc:
        if not exc.retryable:
            raise
        _log.info("limits_not_refreshed", code=exc.code)
        return

    async def write() -> None:
        async with transaction(ctx.pool) as tx:
            if await usage.read(tx, user_id) is not None:
                await lock_entitled(ctx, tx, user_id, allowed)

    await retrying(write)
