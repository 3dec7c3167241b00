"""Operators' routes. The admin service decides and audits; what is destructive needs a reason and a ticket."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request

from tseeder.admin.v1 import admin_pb2 as pb
from tseeder.auth.v1 import auth_pb2 as auth
from tseeder_gateway.api.access import AdminRead, AdminWrite
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.ids import AgentId, IdempotencyKey, JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import IDEMPOTENT, LISTED, problems
from tseeder_gateway.api.schemas.accounts import UserView
from tseeder_gateway.api.schemas.jobs import JobView
from tseeder_gateway.api.schemas.operators import (
    AgentView,
    AuditQuery,
    AuditView,
    JustificationBody,
    NewUserBody,
    UsersQuery,
)
from tseeder_gateway.api.schemas.security import AllEventsQuery, SecurityEventView
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.header_values import idempotency_key

router = APIRouter(prefix="/v1/admin", tags=["admin"])

JUSTIFIED: Final = ("reason_required", "ticket_required", "bad_text")

Justified = Annotated[JustificationBody, Depends(JsonBody(JustificationBody))]


@router.post(
    "/users",
    status_code=201,
    responses=problems(
        *IDEMPOTENT,
        "bad_email",
        "bad_text",
        "password_too_short",
        "password_too_long",
        "password_breached",
        "role_escalation",
        "idempotency_in_flight",
        "email_taken",
        "user_id_taken",
        "auth_busy",
    ),
)
async def create_user(
    request: Request,
    access: AdminWrite,
    body: Annotated[NewUserBody, Depends(JsonBody(NewUserBody))],
    key: IdempotencyKey = None,
) -> UserView:
    """Makes an account with a password that the operator chose; its role is not above his own."""
    message = pb.CreateUserRequest(
        email=body.email,
        password=body.password,
        role=auth.Role.Value(f"ROLE_{body.role.upper()}"),
        idempotency_key=idempotency_key(key),
    )
    if body.reason or body.ticket_id:
        message.justification.CopyFrom(pb.Justification(reason=body.reason, ticket_id=body.ticket_id))
    return UserView.of(await parts_of(request).admin.create_user(access.identity, message))


@router.get("/users", responses=problems(*LISTED))
async def list_users(request: Request, access: AdminRead, query: Annotated[UsersQuery, Query()]) -> Page[UserView]:
    """Accounts."""
    answer = await parts_of(request).admin.list_users(
        access.identity, text=query.text or "", cursor=query.cursor or "", limit=query.limit or 0
    )
    return Page(items=[UserView.of(user) for user in answer.users], next_cursor=answer.next_cursor or None)


@router.get("/agents")
async def list_agents(request: Request, access: AdminRead) -> Page[AgentView]:
    """All agents."""
    agents = await parts_of(request).admin.list_agents(access.identity)
    return Page(items=[AgentView.of(agent) for agent in agents])


@router.post("/agents/{agent_id}/cordon", responses=problems(*JUSTIFIED, "agent_not_found"))
async def cordon_agent(request: Request, access: AdminWrite, agent_id: AgentId, body: Justified) -> AgentView:
    """The agent finishes what it holds, and claims nothing more."""
    return await _set_cordon(request, access, agent_id, body, cordoned=True)


@router.post("/agents/{agent_id}/uncordon", responses=problems(*JUSTIFIED, "agent_not_found"))
async def uncordon_agent(request: Request, access: AdminWrite, agent_id: AgentId, body: Justified) -> AgentView:
    """The agent may claim again, unless it is drained."""
    return await _set_cordon(request, access, agent_id, body, cordoned=False)


@router.post("/agents/{agent_id}/drain", responses=problems(*JUSTIFIED, "agent_not_found"))
async def drain_agent(request: Request, access: AdminWrite, agent_id: AgentId, body: Justified) -> AgentView:
    """The agent sends what is whole, gives everything back and claims nothing, over restarts, until it is undrained."""
    return await _set_drain(request, access, agent_id, body, drain=True)


@router.post("/agents/{agent_id}/undrain", responses=problems(*JUSTIFIED, "agent_not_found"))
async def undrain_agent(request: Request, access: AdminWrite, agent_id: AgentId, body: Justified) -> AgentView:
    """The agent may claim again, unless it is cordoned."""
    return await _set_drain(request, access, agent_id, body, drain=False)


@router.post("/jobs/{job_id}/terminate", responses=problems(*JUSTIFIED, "job_not_found"))
async def terminate_job(request: Request, access: AdminWrite, job_id: JobId, body: Justified) -> JobView:
    """Ends anybody's job."""
    job = await parts_of(request).admin.terminate_job(access.identity, job_id, justification(body))
    return JobView.of(job)


@router.get("/audit", responses=problems(*LISTED))
async def list_audit(request: Request, access: AdminRead, query: Annotated[AuditQuery, Query()]) -> Page[AuditView]:
    """What operators did, newest first."""
    answer = await parts_of(request).admin.list_audit(
        access.identity, action=query.action or "", cursor=query.cursor or "", limit=query.limit or 0
    )
    return Page(items=[AuditView.of(entry) for entry in answer.entries], next_cursor=answer.next_cursor or None)


@router.get("/security-events", responses=problems(*LISTED, "bad_text"))
async def list_security_events(
    request: Request, access: AdminRead, query: Annotated[AllEventsQuery, Query()]
) -> Page[SecurityEventView]:
    """What happened to accounts: sign-ins, failures, changes of factors, keys and roles; newest first."""
    message = auth.ListSecurityEventsRequest(
        user_id=str(query.user_id or ""), kind=query.kind or "", cursor=query.cursor or "", limit=query.limit or 0
    )
    answer = await parts_of(request).admin.list_security_events(access.identity, message)
    return Page(items=[SecurityEventView.of(event) for event in answer.events], next_cursor=answer.next_cursor or None)


async def _set_cordon(
    request: Request, access: Access, agent_id: str, body: JustificationBody, *, cordoned: bool
) -> AgentView:
    agent = await parts_of(request).admin.set_cordon(
        access.identity, agent_id, cordoned=cordoned, justification=justification(body)
    )
    return AgentView.of(agent)


async def _set_drain(
    request: Request, access: Access, agent_id: str, body: JustificationBody, *, drain: bool
) -> AgentView:
    agent = await parts_of(request).admin.set_drain(
        access.identity, agent_id, drain=drain, justification=justification(body)
    )
    return AgentView.of(agent)


def justification(body: JustificationBody) -> pb.Justification:
    """As admin takes it."""
    return pb.Justification(reason=body.reason, ticket_id=body.ticket_id)
