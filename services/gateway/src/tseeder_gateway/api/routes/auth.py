"""Becoming somebody: the first superadmin, a session, its end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tseeder_gateway.api.access import Anonymous, MeWrite, client_of
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.accounts import BootstrapBody, LogInBody, LogInView, UserView
from tseeder_gateway.api.session_cookies import drop_session_cookie, set_session_cookie
from tseeder_kit.errors import invalid

router = APIRouter(prefix="/v1/auth", tags=["auth"])


@router.post(
    "/bootstrap",
    status_code=201,
    dependencies=[Depends(Anonymous())],
    responses=problems(
        "bad_email",
        "password_too_short",
        "password_too_long",
        "password_breached",
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
        **problems(
            "password_too_long",
            "invalid_credentials",
            "second_factor_required",
            "second_factor_invalid",
            "account_suspended",
            "email_unverified",
            "login_throttled",
            "auth_busy",
        ),
    },
)
async def log_in(
    request: Request, response: Response, body: Annotated[LogInBody, Depends(JsonBody(LogInBody))]
) -> LogInView:
    """Starts a session: its secret goes into the cookie, its CSRF token into the answer.

    An account with a second factor answers `second_factor_required` to the right password without a `code`."""
    parts = parts_of(request)
    answer = await parts.auth.log_in(body.email, body.password, body.code, client_of(request))
    set_session_cookie(response, answer, insecure=parts.settings.insecure_http)
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
    drop_session_cookie(response, insecure=parts.settings.insecure_http)
