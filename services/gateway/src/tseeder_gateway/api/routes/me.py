"""The caller himself, his password and his API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tseeder_gateway.api.access import MeRead, MeWrite, client_of
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import IdempotencyKey, KeyId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import IDEMPOTENT, PROOF, problems
from tseeder_gateway.api.schemas.accounts import (
    ApiKeyView,
    LogInView,
    MeView,
    MyChangesBody,
    NewApiKeyBody,
    NewApiKeyView,
)
from tseeder_gateway.api.schemas.registration import PasswordChangeBody
from tseeder_gateway.api.schemas.security import DeletionBody
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.api.session_cookies import drop_session_cookie, set_session_cookie
from tseeder_gateway.domain.header_values import idempotency_key

router = APIRouter(prefix="/v1/me", tags=["me"])


@router.get("", responses=problems("user_not_found"))
async def get_me(request: Request, access: MeRead) -> MeView:
    """The caller's account, and the scopes of the credential that he uses."""
    return MeView.about(await parts_of(request).auth.get_me(access.identity), access)


@router.patch("", responses=problems("bad_text", "user_not_found"))
async def update_me(
    request: Request, access: MeWrite, body: Annotated[MyChangesBody, Depends(JsonBody(MyChangesBody))]
) -> MeView:
    """Changes what the caller is called; what is not named stays as it is."""
    auth = parts_of(request).auth
    user = await (auth.get_me(access.identity) if body.name is None else auth.set_my_name(access.identity, body.name))
    return MeView.about(user, access)


@router.delete(
    "",
    status_code=204,
    responses={
        204: {"headers": headers("Set-Cookie")},
        **problems(*PROOF, "user_not_found", "last_superadmin"),
    },
)
async def delete_me(
    request: Request,
    response: Response,
    access: MeWrite,
    body: Annotated[DeletionBody, Depends(JsonBody(DeletionBody))],
) -> None:
    """Deletes the account for good, and its address is free: sessions and keys are gone at once, jobs, files and links
    within minutes. What others have stored of the same torrents stays theirs."""
    parts = parts_of(request)
    await parts.auth.delete_me(access.identity, body.proof(), client_of(request))
    parts.authenticate.forget(access.credential)
    drop_session_cookie(response, insecure=parts.settings.insecure_http)


@router.post(
    "/password",
    responses={
        200: {"headers": headers("Set-Cookie")},
        **problems(
            *PROOF,
            "session_invalid",
            "password_too_short",
            "password_breached",
            "account_suspended",
        ),
    },
)
async def change_password(
    request: Request,
    response: Response,
    access: MeWrite,
    body: Annotated[PasswordChangeBody, Depends(JsonBody(PasswordChangeBody))],
) -> LogInView:
    """Sets another password. Ends every session; a new one takes the place of the caller's, with a new cookie and CSRF
    token. API keys go on working."""
    parts = parts_of(request)
    answer = await parts.auth.change_password(
        access.identity,
        password=body.password,
        code=body.code,
        new_password=body.new_password,
        client=client_of(request),
    )
    parts.authenticate.forget(access.credential)
    set_session_cookie(response, answer, insecure=parts.settings.insecure_http)
    return LogInView.of(answer)


@router.get("/api-keys")
async def list_api_keys(request: Request, access: MeRead) -> Page[ApiKeyView]:
    """The caller's keys, without their secrets."""
    keys = await parts_of(request).auth.list_api_keys(access.identity)
    return Page(items=[ApiKeyView.of(key) for key in keys])


@router.post(
    "/api-keys",
    status_code=201,
    responses=problems(
        *IDEMPOTENT,
        "bad_text",
        "unknown_scope",
        "expires_at_past",
        "scope_escalation",
        "session_needed",
        "api_key_revoked",
        "too_many_api_keys",
    ),
)
async def create_api_key(
    request: Request,
    access: MeWrite,
    body: Annotated[NewApiKeyBody, Depends(JsonBody(NewApiKeyBody))],
    key: IdempotencyKey = None,
) -> NewApiKeyView:
    """Makes a key, for who is signed in; the answer is the only place that ever shows its secret."""
    answer = await parts_of(request).auth.create_api_key(
        access.identity,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        idempotency_key=idempotency_key(key),
        client=client_of(request),
    )
    return NewApiKeyView(key=ApiKeyView.of(answer.key), secret=answer.secret)


@router.delete("/api-keys/{key_id}", status_code=204, responses=problems("api_key_not_found"))
async def revoke_api_key(request: Request, access: MeWrite, key_id: KeyId) -> None:
    """Ends a key; gateways that have just seen it notice within 5 s."""
    await parts_of(request).auth.revoke_api_key(access.identity, key_id, client_of(request))
