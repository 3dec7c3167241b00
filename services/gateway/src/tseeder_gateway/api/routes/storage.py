"""Operators' routes for object storage. The admin service decides and audits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from tseeder.admin.v1 import admin_pb2 as pb
from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_gateway.api.access import AdminRead, AdminWrite
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.routes.admin import JUSTIFIED
from tseeder_gateway.api.schemas.storage import CleanupBody, CleanupView, StorageView

router = APIRouter(prefix="/v1/admin/storage", tags=["admin"])


@router.get("")
async def get_storage(request: Request, access: AdminRead) -> StorageView:
    """What object storage holds in all, and what the last look for each kind of leftover saw and did."""
    return StorageView.of(await parts_of(request).admin.get_storage(access.identity))


@router.post("/cleanup", responses=problems(*JUSTIFIED, "bad_cursor", "storage_unavailable", "storage_refused"))
async def clean_storage(
    request: Request, access: AdminWrite, body: Annotated[CleanupBody, Depends(JsonBody(CleanupBody))]
) -> CleanupView:
    """Looks through some of the bucket for leftovers, and says what would be done; with `dry_run` false it is done, as
    the sweeps do it, and audited. What is being written at this moment is left alone. Go on with `next_cursor`."""
    clean = operators.CleanStorageRequest(
        apply=not body.dry_run, unknown_objects=body.unknown_objects, cursor=body.cursor or ""
    )
    justification = pb.Justification(reason=body.reason, ticket_id=body.ticket_id)
    return CleanupView.of(
        await parts_of(request).admin.clean_storage(
            access.identity, pb.CleanStorageRequest(clean=clean, justification=justification)
        )
    )
