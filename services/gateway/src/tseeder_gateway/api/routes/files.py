"""Files: look, delete, download."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from tseeder_gateway.api.access import FilesRead, FilesWrite, authorizer
from tseeder_gateway.api.content import ContentResponse, refuse, wish_of
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import FileId, JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import LISTED, problems
from tseeder_gateway.api.schemas.files import FilesQuery, FileView
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.content_plan import plan
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_kit.errors import AppError
from tseeder_kit.ids import random_token

router = APIRouter(prefix="/v1", tags=["files"])

_BYTES: Final[dict[str, Any]] = {
    "content": {
        # The media types of domain/media_types.py, and none that a browser would run.
        "*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    }
}
_SAME: Final = ("ETag", "Accept-Ranges", "Content-Disposition", "Content-Security-Policy")
_CONTENT_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The whole file", "headers": headers(*_SAME), **_BYTES},
    206: {
        "description": "The ranges that were asked for; several as multipart/byteranges",
        "headers": headers(*_SAME, "Content-Range"),
        **_BYTES,
    },
    307: {
        "description": "Where the bytes are, for this minute (by setting)",
        "headers": headers("Storage-Location"),
    },
    304: {"description": "The client has it already", "headers": headers("ETag")},
    **problems(
        "file_not_found",
        "not_stored_yet",
        "content_late",
        "streams_limit",
        "file_not_wanted",
        "etag_mismatch",
        "range_not_satisfiable",
        "storage_unavailable",
        "storage_refused",
    ),
}


_CONTENT: Final[dict[str, Any]] = {
    "response_class": Response,
    "responses": _CONTENT_RESPONSES,
    "openapi_extra": {"x-request-headers": ("Range", "If-Range", "If-Match", "If-None-Match")},
}


@router.get("/jobs/{job_id}/files", responses=problems(*LISTED, "job_not_found"))
async def list_job_files(
    request: Request, access: FilesRead, job_id: JobId, query: Annotated[FilesQuery, Query()]
) -> Page[FileView]:
    """A job's files, by index."""
    return await _list(request, access, job_id, query)


@router.get("/files", responses=problems(*LISTED))
async def list_files(request: Request, access: FilesRead, query: Annotated[FilesQuery, Query()]) -> Page[FileView]:
    """The files of all jobs of the caller, newest first."""
    return await _list(request, access, "", query)


@router.get("/files/{file_id}", responses=problems("file_not_found"))
async def get_file(request: Request, access: FilesRead, file_id: FileId) -> FileView:
    """One file."""
    return FileView.of(await parts_of(request).jobs.get_file(access.identity, file_id))


@router.delete("/files/{file_id}", status_code=204, responses=problems("file_not_found"))
async def delete_file(request: Request, access: FilesWrite, file_id: FileId) -> None:
    """Gives the file up for good."""
    await parts_of(request).jobs.delete_file(access.identity, file_id)


@router.api_route("/files/{file_id}/content", methods=["GET"], **_CONTENT)
async def get_content(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """The file's bytes: all, a range, or up to five."""
    return await _content(request, access, file_id)


@router.api_route("/files/{file_id}/content", methods=["HEAD"], **_CONTENT)
async def head_content(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """What a GET would say about the whole file."""
    return await _content(request, access, file_id)


async def _list(request: Request, access: Access, job_id: str, query: FilesQuery) -> Page[FileView]:
    answer = await parts_of(request).jobs.list_files(
        access.identity, job_id=job_id, text=query.text or "", cursor=query.cursor or "", limit=query.limit or 0
    )
    return Page(items=[FileView.of(file) for file in answer.files], next_cursor=answer.next_cursor or None)


async def _content(request: Request, access: Access, file_id: str) -> Response:
    parts = parts_of(request)
    authorize = authorizer(parts, access, "files:read")
    wish = wish_of(request)
    redirects = parts.settings.content_redirect and wish.plain
    counted = wish.method == "GET" and not redirects
    source = OpenContent(parts.jobs, parts.readers, authorize, file_id=file_id, counted=counted)
    try:
        opened = await source.open()
        if not (redirects and opened.public_url):
            if redirects:
                opened = await source.count()
            planned = plan(opened.content, wish, random_token(18))
            refuse(request, planned)
            return ContentResponse(
                planned,
                lambda part: source.read(opened, part),
                source,
                stalled_seconds=parts.settings.stalled_reader_seconds,
            )
    except AppError:
        await source.end()
        raise
    await source.end()
    return Response(
        status_code=307,
        headers={"Location": opened.public_url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
