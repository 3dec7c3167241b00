"""Plans, and what the caller uses of his."""

from __future__ import annotations

from fastapi import APIRouter, Request

from tseeder_gateway.api.access import MeRead
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.schemas.plans import PlanView, UsageView
from tseeder_gateway.api.schemas.wire import Page

router = APIRouter(prefix="/v1", tags=["usage"])


@router.get("/usage")
async def get_usage(request: Request, access: MeRead) -> UsageView:
    """What the caller uses, and what his plan allows."""
    return UsageView.of(await parts_of(request).jobs.get_usage(access.identity))


@router.get("/plans")
async def list_plans(request: Request, access: MeRead) -> Page[PlanView]:
    """All plans."""
    plans = await parts_of(request).billing.list_plans(access.identity)
    return Page(items=[PlanView.of(plan) for plan in plans])
