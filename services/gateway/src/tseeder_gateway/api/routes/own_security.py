"""The caller's sessions, his second factor, and what happened to his account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from tseeder_gateway.api.access import MeRead, MeWrite, client_of
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import SessionId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import LISTED, PROOF, problems
from tseeder_gateway.api.schemas.security import (
    CodeBody,
    ConfirmedTotpView,
    EndedView,
    EventsQuery,
    OwnSecurityEventView,
    ProofBody,
    RecoveryCodesView,
    SessionView,
    TotpView,
)
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.api.session_cookies import set_session_cookie

router = APIRouter(prefix="/v1/me", tags=["me"])

Proven = Annotated[ProofBody, Depends(JsonBody(ProofBody))]


@router.get("/sessions")
async def list_sessions(request: Request, access: MeRead) -> Page[SessionView]:
    """The caller's sessions, the last seen first."""
    sessions = await parts_of(request).auth.list_sessions(access.identity)
    return Page(items=[SessionView.of(session) for session in sessions])


@router.delete("/sessions", responses=problems("session_needed"))
async def end_other_sessions(request: Request, access: MeWrite) -> EndedView:
    """Ends all of the caller's sessions but this one; gateways that have just seen them notice within 5 s."""
    return EndedView(ended=await parts_of(request).auth.end_other_sessions(access.identity, client_of(request)))


@router.delete("/sessions/{session_id}", status_code=204, responses=problems("session_not_found"))
async def end_session(request: Request, access: MeWrite, session_id: SessionId) -> None:
    """Ends a session; gateways that have just seen it notice within 5 s."""
    await parts_of(request).auth.end_session(access.identity, session_id, client_of(request))


@router.post("/totp", status_code=201, responses=problems(*PROOF, "totp_already_on"))
async def start_totp(request: Request, access: MeWrite, body: Proven) -> TotpView:
    """Begins the enrolment of an authenticator app; an earlier one that was not confirmed is forgotten."""
    return TotpView.of(await parts_of(request).auth.start_totp(access.identity, body.proof(), client_of(request)))


@router.post(
    "/totp/confirm",
    responses={
        200: {"headers": headers("Set-Cookie")},
        **problems("session_needed", "second_factor_invalid", "totp_not_started", "totp_already_on", "login_throttled"),
    },
)
async def confirm_totp(
    request: Request, response: Response, access: MeWrite, body: Annotated[CodeBody, Depends(JsonBody(CodeBody))]
) -> ConfirmedTotpView:
    """Switches the second factor on: ends all other sessions, and gives this one a new secret."""
    parts = parts_of(request)
    answer = await parts.auth.confirm_totp(access.identity, body.code, client_of(request))
    parts.authenticate.forget(access.credential)
    set_session_cookie(response, answer.session, insecure=parts.settings.insecure_http)
    return ConfirmedTotpView.of(answer)


@router.post("/totp/disable", status_code=204, responses=problems(*PROOF, "totp_not_on"))
async def disable_totp(request: Request, access: MeWrite, body: Proven) -> None:
    """Switches the second factor off."""
    await parts_of(request).auth.disable_totp(access.identity, body.proof(), client_of(request))


@router.post("/recovery-codes", status_code=201, responses=problems(*PROOF, "totp_not_on"))
async def replace_recovery_codes(request: Request, access: MeWrite, body: Proven) -> RecoveryCodesView:
    """Makes ten new recovery codes; none of those before opens anything any more."""
    codes = await parts_of(request).auth.replace_recovery_codes(access.identity, body.proof(), client_of(request))
    return RecoveryCodesView(recovery_codes=codes)


@router.get("/security-events", responses=problems(*LISTED))
async def list_my_security_events(
    request: Request, access: MeRead, query: Annotated[EventsQuery, Query()]
) -> Page[OwnSecurityEventView]:
    """What happened to the caller's account: sign-ins, failures, changes of factors and keys; newest first."""
    answer = await parts_of(request).auth.list_my_security_events(
        access.identity, cursor=query.cursor or "", limit=query.limit or 0
    )
    return Page(
        items=[OwnSecurityEventView.of(event) for event in answer.events], next_cursor=answer.next_cursor or None
    )
