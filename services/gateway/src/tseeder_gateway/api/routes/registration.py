"""An account of one's own, and another password: what is done without being signed in.

Tokens from mails come in bodies only: no GET uses one up, so that a mail scanner which follows links does no harm, and
no log of addresses holds one.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from tseeder_gateway.api.access import Anonymous, Unnamed, client_of
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.registration import (
    AcceptedView,
    AuthConfigView,
    MailRequestBody,
    NewPasswordBody,
    RegisterBody,
    VerifyEmailBody,
)

router = APIRouter(prefix="/v1/auth", tags=["auth"])

_MAILED: Final = ("bad_email", "human_check_failed", "human_check_unavailable", "mail_throttled")
_PASSWORD: Final = ("password_too_short", "password_too_long", "password_breached", "auth_busy")


@router.get("/config", dependencies=[Depends(Unnamed())])
async def get_auth_config(request: Request) -> AuthConfigView:
    """How one can register and sign in here."""
    return AuthConfigView.of(await parts_of(request).registration.get_config())


@router.post(
    "/register",
    status_code=202,
    dependencies=[Depends(Anonymous())],
    responses=problems(*_MAILED, *_PASSWORD, "registration_closed", "terms_not_accepted"),
)
async def register(request: Request, body: Annotated[RegisterBody, Depends(JsonBody(RegisterBody))]) -> AcceptedView:
    """Makes an account, and mails a token that confirms its address; until then nobody can sign in to it. Whether there
    is an account already shows in the mail only."""
    await parts_of(request).registration.register(
        body.email,
        body.password,
        accepted_terms_version=body.accepted_terms_version,
        human_check_token=body.human_check_token,
        client=client_of(request),
    )
    return AcceptedView()


@router.post(
    "/verify-email",
    status_code=204,
    dependencies=[Depends(Anonymous())],
    responses=problems(
        "token_invalid", "password_needed", "password_too_short", "password_too_long", "password_breached", "auth_busy"
    ),
)
async def verify_email(request: Request, body: Annotated[VerifyEmailBody, Depends(JsonBody(VerifyEmailBody))]) -> None:
    """Confirms an address with the token that was mailed to it, once and within 24 hours, and makes the account; nobody
    is signed in by it. If the address was registered with several passwords, one's own goes with the token."""
    await parts_of(request).registration.verify_email(body.token, body.password, client_of(request))


@router.post(
    "/verify-email/resend",
    status_code=202,
    dependencies=[Depends(Anonymous())],
    responses=problems(*_MAILED),
)
async def resend_verification(
    request: Request, body: Annotated[MailRequestBody, Depends(JsonBody(MailRequestBody))]
) -> AcceptedView:
    """Mails another token, if there is an account with this address that waits for its confirmation."""
    await parts_of(request).registration.resend_verification(body.email, body.human_check_token, client_of(request))
    return AcceptedView()


@router.post(
    "/password-reset",
    status_code=202,
    dependencies=[Depends(Anonymous())],
    responses=problems(*_MAILED),
)
async def request_password_reset(
    request: Request, body: Annotated[MailRequestBody, Depends(JsonBody(MailRequestBody))]
) -> AcceptedView:
    """Mails a token that sets a new password, if there is an account with this address."""
    await parts_of(request).registration.request_password_reset(body.email, body.human_check_token, client_of(request))
    return AcceptedView()


@router.post(
    "/password-reset/confirm",
    status_code=204,
    dependencies=[Depends(Anonymous())],
    responses=problems("token_invalid", *_PASSWORD),
)
async def confirm_password_reset(
    request: Request, body: Annotated[NewPasswordBody, Depends(JsonBody(NewPasswordBody))]
) -> None:
    """Sets the password with a token from a mail, once and within 30 minutes. Ends every session; signs nobody in, and
    a second factor is asked for as before."""
    await parts_of(request).registration.confirm_password_reset(body.token, body.new_password, client_of(request))
