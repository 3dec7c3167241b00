"""What a user holds, and what his plan allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from tseeder_jobs.adapters.billing import Entitlements
from tseeder_jobs.domain.reads import UsageView
from tseeder_jobs.domain.rows import UsageRow
from tseeder_jobs.store import bandwidth, usage
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_pg import transaction

DAYS: Final = 30
_log = get_logger(__name__)


async def get_usage(ctx: Context, user_id: UUID) -> UsageView:
    """Limits are billing's of now; while it is away, those of the last submit. UNAVAILABLE if there was none."""
    async with transaction(ctx.pool, readonly=True) as tx:
        row = await usage.read(tx, user_id)
        running = await usage.count_running(tx, user_id)
        used = await bandwidth.this_month(tx, user_id)
        days = tuple(await bandwidth.by_day(tx, user_id, DAYS))
    try:
        allowed = await ctx.billing.entitlements(user_id)
    except AppError as exc:
        if row is None or not exc.retryable:
            raise
        _log.info("usage_shown_with_last_limits", code=exc.code)
        return replace(_view(row, running), bandwidth_bytes=used, days=days)
    view = UsageView(0, 0, 0, 0, 0, 0, 0, "") if row is None else _view(row, running)
    return replace(_with_limits(view, allowed), bandwidth_bytes=used, days=days)


def _view(row: UsageRow, running: int) -> UsageView:
    return UsageView(
        live_jobs=row.live_jobs,
        reserved_bytes=row.reserved_bytes,
        charged_bytes=row.charged_bytes,
        storage_limit_bytes=row.storage_limit_bytes,
        live_jobs_limit=row.live_jobs_limit,
        running_limit=row.running_limit,
        running=running,
        plan_id=row.plan_id,
    )


def _with_limits(view: UsageView, allowed: Entitlements) -> UsageView:
    return UsageView(
        live_jobs=view.live_jobs,
        reserved_bytes=view.reserved_bytes,
        charged_bytes=view.charged_bytes,
        storage_limit_bytes=allowed.storage_bytes,
        live_jobs_limit=allowed.live_jobs,
        running_limit=allowed.running_transfers,
        running=view.running,
        plan_id=allowed.plan_id,
        bandwidth_limit_bytes=allowed.bandwidth_bytes_per_month,
    )
