"""Operators' routes for one account. The admin service decides with auth, and audits."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from tseeder.auth.v1 import auth_pb2 as auth
from tseeder_gateway.api.access import AdminRead, AdminWrite
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.ids import UserId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.routes.admin import JUSTIFIED, Justified, justification
from tseeder_gateway.api.schemas.accounts import UserView
from tseeder_gateway.api.schemas.operators import ForcedLogoutView, JustificationBody, NewRoleBody
from tseeder_gateway.domain.access import Access

router = APIRouter(prefix="/v1/admin/users/{user_id}", tags=["admin"])

_ON_USERS: Final = (*JUSTIFIED, "user_not_found")


@router.get("", responses=problems("user_not_found"))
async def get_user(request: Request, access: AdminRead, user_id: UserId) -> UserView:
    """One account."""
    return UserView.of(await parts_of(request).admin.get_user(access.identity, user_id))


@router.post(
    "/role",
    openapi_extra={"x-least-role": "superadmin"},
    responses=problems(*_ON_USERS, "last_superadmin", "account_unverified"),
)
async def set_role(
    request: Request, access: AdminWrite, user_id: UserId, body: Annotated[NewRoleBody, Depends(JsonBody(NewRoleBody))]
) -> UserView:
    """What the account may do, which only a superadmin changes: its sessions end, its keys follow the role. There
    always is a superadmin left."""
    role = auth.Role.Value(f"ROLE_{body.role.upper()}")
    return UserView.of(await parts_of(request).admin.set_user_role(access.identity, user_id, role, justification(body)))


@router.post("/suspend", responses=problems(*_ON_USERS, "role_too_high", "own_account", "last_superadmin"))
async def suspend_user(request: Request, access: AdminWrite, user_id: UserId, body: Justified) -> UserView:
    """The account is closed until it is reinstated. Within 5 s its sessions have ended, its keys open nothing, what is
    sent to it stops, and its links are dead. Its jobs go on."""
    return await _set_suspended(request, access, user_id, body, suspended=True)


@router.post("/reinstate", responses=problems(*_ON_USERS, "role_too_high", "own_account"))
async def reinstate_user(request: Request, access: AdminWrite, user_id: UserId, body: Justified) -> UserView:
    """The account can sign in again; its keys and its links are as they were."""
    return await _set_suspended(request, access, user_id, body, suspended=False)


@router.post("/force-logout", responses=problems(*_ON_USERS, "role_too_high"))
async def force_logout(request: Request, access: AdminWrite, user_id: UserId, body: Justified) -> ForcedLogoutView:
    """Ends the account's sessions; its keys stay."""
    ended = await parts_of(request).admin.force_logout(access.identity, user_id, justification(body))
    return ForcedLogoutView(ended=ended)


async def _set_suspended(
    request: Request, access: Access, user_id: str, body: JustificationBody, *, suspended: bool
) -> UserView:
    user = await parts_of(request).admin.set_user_suspended(
        access.identity, user_id, suspended=suspended, justification=justification(body)
    )
    return UserView.of(user)
