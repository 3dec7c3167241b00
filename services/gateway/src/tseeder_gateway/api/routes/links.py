"""Links: a file for whoever has one. Their owner makes, lists and revokes them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from tseeder_gateway.api.access import FilesRead, FilesWrite, Unnamed
from tseeder_gateway.api.answer_content import answer_content, described_content
from tseeder_gateway.api.bodies import JsonBody
from tseeder_gateway.api.content_origin import is_elsewhere, links_origin, to_content_origin
from tseeder_gateway.api.ids import FileId, IdempotencyKey, LinkId, LinkToken
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import IDEMPOTENT, LISTED, problems
from tseeder_gateway.api.schemas.links import LinksQuery, LinkView, NewLinkBody, NewLinkView
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.credentials import basic_password
from tseeder_gateway.domain.header_values import idempotency_key
from tseeder_gateway.usecases.readings import LinkReading

router = APIRouter(prefix="/v1", tags=["links"])

_CONTENT_CODES = (
    "link_not_found",
    "link_password_required",
    "link_throttled",
    "link_spent",
    "link_passwords_busy",
)


@router.post(
    "/files/{file_id}/links",
    status_code=201,
    responses=problems(
        *IDEMPOTENT,
        "file_not_found",
        "link_not_found",
        "expires_at_past",
        "expires_at_too_late",
        "bad_download_limit",
        "password_too_short",
        "password_too_long",
        "link_revoked",
        "too_many_links",
        "link_passwords_busy",
    ),
)
async def create_link(
    request: Request,
    access: FilesWrite,
    file_id: FileId,
    body: Annotated[NewLinkBody, Depends(JsonBody(NewLinkBody))],
    key: IdempotencyKey = None,
) -> NewLinkView:
    """Makes a link to the file, stored or not; the answer is the only place that ever shows its token."""
    answer = await parts_of(request).links.create(
        access.identity,
        [file_id],
        expires_at=body.expires_at,
        download_limit=body.download_limit,
        password=body.password,
        idempotency_key=idempotency_key(key),
    )
    (made,) = answer.links
    url = f"{links_origin(request)}/v1/links/{made.token}" if made.token else ""
    return NewLinkView(link=LinkView.of(made.link), token=made.token, url=url)


@router.get("/files/{file_id}/links", responses=problems(*LISTED, "file_not_found"))
async def list_file_links(
    request: Request, access: FilesRead, file_id: FileId, query: Annotated[LinksQuery, Query()]
) -> Page[LinkView]:
    """The caller's links to the file that have not ended, newest first."""
    return await _list(request, access, file_id, query)


@router.get("/me/links", responses=problems(*LISTED))
async def list_links(request: Request, access: FilesRead, query: Annotated[LinksQuery, Query()]) -> Page[LinkView]:
    """All of the caller's links that have not ended, newest first."""
    return await _list(request, access, "", query)


@router.delete("/me/links/{link_id}", status_code=204, responses=problems("link_not_found"))
async def revoke_link(request: Request, access: FilesWrite, link_id: LinkId) -> None:
    """Ends a link: for new requests at once, for answers that run within 5 s."""
    await parts_of(request).links.revoke(access.identity, link_id)


@router.api_route(
    "/links/{token}", methods=["GET"], dependencies=[Depends(Unnamed())], **described_content(*_CONTENT_CODES)
)
async def get_link(request: Request, token: LinkToken) -> Response:
    """The bytes of the link's file, as GET /v1/files/{file_id}/content gives them to its owner. No credential is asked
    for; a link with a password wants it by HTTP Basic, with any user name."""
    return await _content(request, token)


@router.api_route(
    "/links/{token}", methods=["HEAD"], dependencies=[Depends(Unnamed())], **described_content(*_CONTENT_CODES)
)
async def head_link(request: Request, token: LinkToken) -> Response:
    """What a GET would say about the whole file; it counts as no download."""
    return await _content(request, token)


async def _content(request: Request, token: str) -> Response:
    if is_elsewhere(request):
        return to_content_origin(request, f"/v1/links/{token}")
    password = basic_password(request.headers.getlist("authorization"))
    return await answer_content(request, LinkReading(parts_of(request).links, token, password))


async def _list(request: Request, access: Access, file_id: str, query: LinksQuery) -> Page[LinkView]:
    answer = await parts_of(request).links.list(
        access.identity, file_id=file_id, cursor=query.cursor or "", limit=query.limit or 0
    )
    return Page(items=[LinkView.of(link) for link in answer.links], next_cursor=answer.next_cursor or None)
