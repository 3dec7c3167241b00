"""Operators' routes for what failed for good. The admin service decides and audits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from tseeder_gateway.api.access import AdminRead, AdminWrite
from tseeder_gateway.api.ids import DeadLetterId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import LISTED, problems
from tseeder_gateway.api.routes.admin import JUSTIFIED, Justified, justification
from tseeder_gateway.api.schemas.dead_letters import DeadLettersQuery, DeadLetterView, ReplayView, WholeDeadLetterView
from tseeder_gateway.api.schemas.wire import Page

router = APIRouter(prefix="/v1/admin/dlq", tags=["admin"])


@router.get("", responses=problems(*LISTED))
async def list_dead_letters(
    request: Request, access: AdminRead, query: Annotated[DeadLettersQuery, Query()]
) -> Page[DeadLetterView]:
    """Transfers that failed for good and on which a job still stands failed, newest first."""
    answer = await parts_of(request).admin.list_dead_letters(
        access.identity, reason_code=query.reason_code or "", cursor=query.cursor or "", limit=query.limit or 0
    )
    items = [DeadLetterView.of(each) for each in answer.dead_letters]
    return Page(items=items, next_cursor=answer.next_cursor or None)


@router.get("/{transfer_id}", responses=problems("dead_letter_not_found"))
async def get_dead_letter(request: Request, access: AdminRead, transfer_id: DeadLetterId) -> WholeDeadLetterView:
    """One of them, with its last attempts and its jobs."""
    return WholeDeadLetterView.of(await parts_of(request).admin.get_dead_letter(access.identity, transfer_id))


@router.post("/{transfer_id}/replay", responses=problems(*JUSTIFIED, "dead_letter_not_found"))
async def replay_dead_letter(
    request: Request, access: AdminWrite, transfer_id: DeadLetterId, body: Justified
) -> ReplayView:
    """Its failed jobs are wanted again, on one new transfer. A repeat goes on with those that are left."""
    admin = parts_of(request).admin
    return ReplayView.of(await admin.replay_dead_letter(access.identity, transfer_id, justification(body)))
