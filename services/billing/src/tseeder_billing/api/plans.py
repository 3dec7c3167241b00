"""tseeder.billing.v1.Plans."""

# ruff: noqa: N802
# The methods are named by the proto.

from typing import Any, TypeAlias
from uuid import UUID

import grpc.aio

from tseeder.billing.v1 import billing_pb2, billing_pb2_grpc
from tseeder_billing.domain.plans import Plan
from tseeder_billing.usecases.get_entitlements import get_entitlements
from tseeder_billing.usecases.list_plans import list_plans
from tseeder_billing.usecases.list_retention import list_retention
from tseeder_kit.errors import invalid
from tseeder_pg import Pool
from tseeder_rpc import current_principal

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class PlansServicer(billing_pb2_grpc.PlansServicer):
    """ListPlans and ListRetention, which need no identity, and GetEntitlements, for whoever calls: it needs one, and no
    scope."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ListPlans(self, request: billing_pb2.ListPlansRequest, context: Context) -> billing_pb2.ListPlansResponse:
        """What there is to choose from."""
        return billing_pb2.ListPlansResponse(plans=[_plan_to_wire(plan) for plan in await list_plans(self._pool)])

    async def GetEntitlements(
        self, request: billing_pb2.GetEntitlementsRequest, context: Context
    ) -> billing_pb2.Entitlements:
        """What the caller may, now."""
        return _entitlements_to_wire(await get_entitlements(self._pool, current_principal().user_id))

    async def ListRetention(
        self, request: billing_pb2.ListRetentionRequest, context: Context
    ) -> billing_pb2.ListRetentionResponse:
        """How long files of these users are kept."""
        found = await list_retention(self._pool, [_user_id(text) for text in request.user_ids])
        users = [billing_pb2.Retention(user_id=str(user_id), retention_days=days) for user_id, days in found]
        return billing_pb2.ListRetentionResponse(users=users)


def _user_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise invalid("bad_id", "A user's id is a UUID.") from None


def _plan_to_wire(plan: Plan) -> billing_pb2.Plan:
    return billing_pb2.Plan(
        plan_id=plan.plan_id, name=plan.name, entitlements=_entitlements_to_wire(plan), is_default=plan.is_default
    )


def _entitlements_to_wire(plan: Plan) -> billing_pb2.Entitlements:
    allowed = plan.entitlements
    return billing_pb2.Entitlements(
        plan_id=plan.plan_id,
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
