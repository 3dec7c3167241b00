"""Signing in through OpenID Connect providers, and what is linked to one's account."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.convertors import PathConvertor, register_url_convertor

from tseeder_gateway.adapters.oidc import Returned
from tseeder_gateway.api.access import Anonymous, MeRead, MeWrite, Unnamed, client_of, own_origin
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import LinkedProvider, ProviderName, SubjectText
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.accounts import (
    IdentityView,
    LogInView,
    OidcReturnQuery,
    OidcStartQuery,
    SecondFactorBody,
)
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.api.session_cookies import set_session_cookie
from tseeder_gateway.domain.credentials import cookie_value, flow_cookie_name


class OnwardAnswer(Response):
    """Sends the browser on, and changes something on the way, so that there is no HEAD of it."""


class _Anything(PathConvertor):
    """A path's rest, as `path` is, but with line ends, too: what has them is not linked, instead of no route."""

    regex = r"[\s\S]*"


register_url_convertor("anything", _Anything())
router = APIRouter(prefix="/v1")

_FLOW_SECONDS: Final = 600
# What is in these addresses opens a session: nobody else may keep or learn it.
_SECRET: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_STARTED: Final[dict[int | str, dict[str, Any]]] = {
    302: {"description": "On to the provider", "headers": headers("Provider-Location", "Flow-Cookie")},
    **problems("oidc_provider_unknown", "bad_return_to", "oidc_unavailable"),
}
_RETURNED: Final[dict[int | str, dict[str, Any]]] = {
    303: {"description": "Back to `return_to`", "headers": headers("Return-Location", "Set-Cookie")},
    **problems(
        "oidc_provider_unknown",
        "oidc_state_invalid",
        "oidc_denied",
        "oidc_response_invalid",
        "oidc_email_unverified",
        "oidc_link_refused",
        "registration_closed",
        "terms_not_accepted",
        "account_suspended",
        "oidc_unavailable",
    ),
}


@router.get(
    "/auth/oidc/{provider}/start",
    tags=["auth"],
    status_code=302,
    response_class=OnwardAnswer,
    dependencies=[Depends(Anonymous())],
    responses=_STARTED,
)
async def start_oidc(request: Request, provider: ProviderName, query: Annotated[OidcStartQuery, Query()]) -> Response:
    """Sends the browser to a sign-in provider. It has ten minutes to come back, with the cookie that is set."""
    callback = f"{_origin(request)}/v1/auth/oidc/{provider}/callback"
    started = await parts_of(request).oidc.start(
        provider,
        redirect_uri=callback,
        return_to=query.return_to or "",
        accepted_terms_version=query.accepted_terms_version or "",
        client=client_of(request),
    )
    answer = OnwardAnswer(status_code=302, headers={"Location": started.authorization_url, **_SECRET})
    _set_flow_cookie(request, answer, started.browser_secret)
    return answer


@router.get(
    "/auth/oidc/{provider}/callback",
    tags=["auth"],
    status_code=303,
    response_class=OnwardAnswer,
    # Another site sends the browser here, by the protocol; its cookie shows that it began here.
    dependencies=[Depends(Unnamed())],
    responses=_RETURNED,
)
async def finish_oidc(request: Request, provider: ProviderName, query: Annotated[OidcReturnQuery, Query()]) -> Response:
    """Where a provider sends the browser back to: starts a session, once, or asks for the second factor."""
    parts = parts_of(request)
    insecure = parts.settings.insecure_http
    name = flow_cookie_name(insecure_http=insecure)
    returned = Returned(
        state=query.state or "",
        code=query.code or "",
        error=query.error or "",
        issuer=query.iss or "",
        browser_secret=cookie_value(request.headers.getlist("cookie"), name),
    )
    finished = await parts.oidc.finish(provider, returned, client_of(request))
    fragment = f"#challenge={quote(finished.challenge)}" if finished.challenge else ""
    answer = OnwardAnswer(status_code=303, headers={"Location": finished.return_to + fragment, **_SECRET})
    answer.delete_cookie(name, path="/", secure=not insecure, httponly=True, samesite="lax")
    if finished.HasField("session"):
        set_session_cookie(answer, finished.session, insecure=insecure)
    return answer


@router.post(
    "/auth/oidc/second-factor",
    tags=["auth"],
    dependencies=[Depends(Anonymous())],
    responses={
        200: {"headers": headers("Set-Cookie")},
        **problems(
            "challenge_invalid", "second_factor_invalid", "account_suspended", "oidc_link_refused", "login_throttled"
        ),
    },
)
async def answer_challenge(
    request: Request, response: Response, body: Annotated[SecondFactorBody, Depends(JsonBody(SecondFactorBody))]
) -> LogInView:
    """Starts the session of a sign-in through a provider that still lacked the second factor. Five tries, five
    minutes."""
    parts = parts_of(request)
    answer = await parts.oidc.answer_challenge(body.challenge, body.code, client_of(request))
    set_session_cookie(response, answer, insecure=parts.settings.insecure_http)
    return LogInView.of(answer)


@router.get("/me/identities", tags=["me"])
async def list_identities(request: Request, access: MeRead) -> Page[IdentityView]:
    """The providers' accounts that sign in to the caller's."""
    found = await parts_of(request).oidc.list_identities(access.identity)
    return Page(items=[IdentityView.of(each) for each in found])


@router.delete(
    "/me/identities/{provider}/{subject:anything}",
    tags=["me"],
    status_code=204,
    responses=problems("identity_not_found", "last_credential"),
)
async def unlink_identity(request: Request, access: MeWrite, provider: LinkedProvider, subject: SubjectText) -> None:
    """Takes a provider's account away from the caller's; never the only way to sign in to it."""
    await parts_of(request).oidc.unlink_identity(access.identity, provider, subject, client_of(request))


def _set_flow_cookie(request: Request, answer: Response, secret: str) -> None:
    """Binds the sign-in to this browser. Lax: it comes back by a link of another site."""
    insecure = parts_of(request).settings.insecure_http
    answer.set_cookie(
        flow_cookie_name(insecure_http=insecure),
        secret,
        max_age=_FLOW_SECONDS,
        path="/",
        secure=not insecure,
        httponly=True,
        samesite="lax",
    )


def _origin(request: Request) -> str:
    return parts_of(request).settings.public_url or own_origin(request)
