"""The caller himself and his API keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder_gateway.api.access import MeRead, MeWrite, remote_address
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import IdempotencyKey, KeyId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import IDEMPOTENT, problems
from tseeder_gateway.api.routes.auth import drop_cookie, printable
from tseeder_gateway.api.schemas.accounts import ApiKeyView, MeView, NewApiKeyBody, NewApiKeyView, ProofBody
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.header_values import idempotency_key

router = APIRouter(prefix="/v1/me", tags=["me"])


@router.get("", responses=problems("user_not_found"))
async def get_me(request: Request, access: MeRead) -> MeView:
    """The caller's account, and the scopes of the credential that he uses."""
    user = await parts_of(request).auth.get_me(access.identity)
    return MeView.about(user, scopes=access.scopes, csrf_token=access.csrf_token or None)


@router.delete(
    "",
    status_code=204,
    responses={
        204: {"headers": headers("Set-Cookie")},
        **problems(
            "user_not_found", "proof_failed", "password_too_long", "login_throttled", "last_superadmin", "auth_busy"
        ),
    },
)
async def delete_me(
    request: Request, response: Response, access: MeWrite, body: Annotated[ProofBody, Depends(JsonBody(ProofBody))]
) -> None:
    """Deletes the account for good, and its address is free: sessions and keys are gone at once, jobs, files and links
    within minutes. What others have stored of the same torrents stays theirs."""
    parts = parts_of(request)
    client = pb.Client(
        user_agent=printable(request.headers.get("user-agent", "")), remote_address=remote_address(request)
    )
    await parts.auth.delete_me(access.identity, pb.Proof(password=body.password, code=body.code), client)
    parts.authenticate.forget(access.credential)
    drop_cookie(response, insecure=parts.settings.insecure_http)


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
    """Makes a key; the answer is the only place that ever shows its secret."""
    answer = await parts_of(request).auth.create_api_key(
        access.identity,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        idempotency_key=idempotency_key(key),
    )
    return NewApiKeyView(key=ApiKeyView.of(answer.key), secret=answer.secret)


@router.delete("/api-keys/{key_id}", status_code=204, responses=problems("api_key_not_found"))
async def revoke_api_key(request: Request, access: MeWrite, key_id: KeyId) -> None:
    """Ends a key; gateways that have just seen it notice within 5 s."""
    await parts_of(request).auth.revoke_api_key(access.identity, key_id)
