"""What plans allow, and what is used of them."""

from __future__ import annotations

from datetime import date

from tseeder.billing.v1 import billing_pb2 as billing
from tseeder.jobs.v1 import jobs_pb2 as jobs
from tseeder_gateway.api.schemas.wire import Count, View, described


class DayView(View):
    """What was handed out on one day (UTC); redirects count what was asked for."""

    day: date
    bytes: Count

    @classmethod
    def of(cls, day: jobs.DayBandwidth) -> DayView:
        """From jobs' message."""
        return cls(day=date.fromisoformat(day.day), bytes=day.bytes)


class UsageView(View):
    """What the caller uses of his plan; sizes are bytes."""

    live_jobs: Count
    reserved_bytes: Count
    charged_bytes: Count
    storage_limit_bytes: Count
    live_jobs_limit: Count
    running_limit: Count
    running: Count
    plan: str
    bandwidth_bytes: Count = described("bytes of files that were handed out since the month began (UTC)")
    bandwidth_limit_bytes: Count = described("a month")
    bandwidth_by_day: list[DayView] = described("of the last 30 days, oldest first; days without any are left out")

    @classmethod
    def of(cls, usage: jobs.Usage) -> UsageView:
        """From jobs' message."""
        return cls(
            live_jobs=usage.live_jobs,
            reserved_bytes=usage.reserved_bytes,
            charged_bytes=usage.charged_bytes,
            storage_limit_bytes=usage.storage_limit_bytes,
            live_jobs_limit=usage.live_jobs_limit,
            running_limit=usage.running_limit,
            running=usage.running,
            plan=usage.plan,
            bandwidth_bytes=usage.bandwidth_bytes,
            bandwidth_limit_bytes=usage.bandwidth_limit_bytes,
            bandwidth_by_day=[
                DayView(day=date.fromisoformat(each.day), bytes=each.bytes) for each in usage.bandwidth_by_day
            ],
        )


class EntitlementsView(View):
    """What a plan allows; `retention_days` 0 is for ever. The time-outs are those of one attempt: to find out what a
    magnet is, and without a useful byte."""

    plan_id: str
    live_jobs: Count
    running_transfers: Count
    storage_bytes: Count
    bandwidth_bytes_per_month: Count
    retention_days: Count
    priority: Count
    streams: Count
    metadata_timeout_seconds: Count
    stall_timeout_seconds: Count

    @classmethod
    def of(cls, allowed: billing.Entitlements) -> EntitlementsView:
        """From billing's message."""
        return cls(
            plan_id=allowed.plan_id,
            live_jobs=allowed.live_jobs,
            running_transfers=allowed.running_transfers,
            storage_bytes=allowed.storage_bytes,
            bandwidth_bytes_per_month=allowed.bandwidth_bytes_per_month,
            retention_days=allowed.retention_days,
            priority=allowed.priority,
            streams=allowed.streams,
            metadata_timeout_seconds=allowed.metadata_timeout_seconds,
            stall_timeout_seconds=allowed.stall_timeout_seconds,
        )


class PlanView(View):
    """One plan."""

    plan_id: str
    name: str
    entitlements: EntitlementsView
    is_default: bool

    @classmethod
    def of(cls, plan: billing.Plan) -> PlanView:
        """From billing's message."""
        return cls(
            plan_id=plan.plan_id,
            name=plan.name,
            entitlements=EntitlementsView.of(plan.entitlements),
            is_default=plan.is_default,
        )
