"""Becoming somebody: the first superadmin, a session, its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tseeder_gateway.api.access import Anonymous, MeWrite, remote_address
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.accounts import BootstrapBody, LogInBody, LogInView, UserView
from tseeder_gateway.api.schemas.wire import present_timestamp
from tseeder_gateway.domain.credentials import cookie_name
from tseeder_kit.clock import now
from tseeder_kit.errors import invalid

router = APIRouter(prefix="/v1/auth", tags=["auth"])

_USER_AGENT_CHARS = 256


@router.post(
    "/bootstrap",
    status_code=201,
    dependencies=[Depends(Anonymous())],
    responses=problems(
        "bad_email",
        "password_too_short",
        "password_too_long",
        "bootstrap_token_invalid",
        "bootstrap_token_expired",
        "already_bootstrapped",
        "email_taken",
        "auth_busy",
    ),
)
async def bootstrap(request: Request, body: Annotated[BootstrapBody, Depends(JsonBody(BootstrapBody))]) -> UserView:
    """Makes the first superadmin with a one-time token; refused when there is one."""
    return UserView.of(await parts_of(request).auth.bootstrap(body.token, body.email, body.password))


@router.post(
    "/login",
    dependencies=[Depends(Anonymous())],
    responses={
        200: {"headers": headers("Set-Cookie")},
        **problems("password_too_long", "invalid_credentials", "account_suspended", "login_throttled", "auth_busy"),
    },
)
async def log_in(
    request: Request, response: Response, body: Annotated[LogInBody, Depends(JsonBody(LogInBody))]
) -> LogInView:
    """Starts a session: its secret goes into the cookie, its CSRF token into the answer."""
    parts = parts_of(request)
    answer = await parts.auth.log_in(
        body.email,
        body.password,
        user_agent=_printable(request.headers.get("user-agent", "")),
        remote_address=remote_address(request),
    )
    insecure = parts.settings.insecure_http
    _set_cookie(response, answer.session_token, present_timestamp(answer, "expires_at"), insecure=insecure)
    return LogInView.of(answer)


@router.post(
    "/logout",
    status_code=204,
    responses={204: {"headers": headers("Set-Cookie")}, **problems("not_a_session")},
)
async def log_out(request: Request, response: Response, access: MeWrite) -> None:
    """Ends the session that the request's cookie names."""
    if not access.by_session:
        raise invalid("not_a_session", "An API key has no session to end; revoke it instead.")
    parts = parts_of(request)
    await parts.auth.log_out(access.credential.secret)
    parts.authenticate.forget(access.credential)
    _drop_cookie(response, insecure=parts.settings.insecure_http)


def _set_cookie(response: Response, secret: str, expires_at: datetime, *, insecure: bool) -> None:
    response.set_cookie(
        cookie_name(insecure_http=insecure),
        secret,
        max_age=max(0, int((expires_at - now()).total_seconds())),
        path="/",
        secure=not insecure,
        httponly=True,
        samesite="lax",
    )


def _drop_cookie(response: Response, *, insecure: bool) -> None:
    response.delete_cookie(
        cookie_name(insecure_http=insecure), path="/", secure=not insecure, httponly=True, samesite="lax"
    )


def _printable(text: str) -> str:
    return "".join(char for char in text if " " <= char <= "~")[:_USER_AGENT_CHARS]
