"""Files: look, delete, download."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

from fastapi import APIRouter, Query, Request, Response

from tseeder_gateway.api.access import FilesRead, FilesWrite, authorizer
from tseeder_gateway.api.content import ContentResponse
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import FileId, JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import LISTED, problems
from tseeder_gateway.api.schemas.files import FilesQuery, FileView, JobFilesQuery, JobFilesView
from tseeder_gateway.api.schemas.wire import Page
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.content_plan import Plan, Wish, plan
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_kit.errors import AppError, Kind, out_of_range
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


@router.get("/jobs/{job_id}/files", responses=problems(*LISTED, "bad_size_range", "job_not_found", "folder_not_found"))
async def list_job_files(
    request: Request, access: FilesRead, job_id: JobId, query: Annotated[JobFilesQuery, Query()]
) -> JobFilesView:
    """A job's files: all in one list, or folder by folder."""
    jobs = parts_of(request).jobs
    if query.view == "folder":
        return JobFilesView.of(
            await jobs.list_folder(
                access.identity,
                job_id,
                folder=query.folder or "",
                cursor=query.cursor or "",
                limit=query.limit or 0,
            )
        )
    asked = query.asked()
    asked.job_id = job_id
    return JobFilesView.of(await jobs.list_files(access.identity, asked))


@router.get("/files", responses=problems(*LISTED, "bad_size_range"))
async def list_files(request: Request, access: FilesRead, query: Annotated[FilesQuery, Query()]) -> Page[FileView]:
    """The files of all jobs of the caller, newest first. A page may hold fewer than `limit`, or none, while
    `next_cursor` goes on."""
    answer = await parts_of(request).jobs.list_files(access.identity, query.asked())
    return Page(items=[FileView.of(file) for file in answer.files], next_cursor=answer.next_cursor or None)


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


async def _content(request: Request, access: Access, file_id: str) -> Response:
    parts = parts_of(request)
    authorize = authorizer(parts, access, "files:read")
    wish = _wish(request)
    redirects = parts.settings.content_redirect and wish.plain
    counted = wish.method == "GET" and not redirects
    source = OpenContent(parts.jobs, parts.readers, authorize, file_id=file_id, counted=counted)
    try:
        opened = await source.open()
        if not (redirects and opened.public_url):
            if redirects:
                opened = await source.count()
            planned = plan(opened.content, wish, random_token(18))
            _refuse(request, planned)
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


def _wish(request: Request) -> Wish:
    ranges = request.headers.getlist("range")
    return Wish(
        method=cast("Literal['GET', 'HEAD']", request.method),
        range=ranges[0] if len(ranges) == 1 else None,
        if_range=request.headers.get("if-range"),
        if_match=_joined(request, "if-match"),
        if_none_match=_joined(request, "if-none-match"),
    )


def _joined(request: Request, name: str) -> str | None:
    return ",".join(request.headers.getlist(name)) or None


def _refuse(request: Request, planned: Plan) -> None:
    """412 and 416 are problems; what HTTP wants beside goes into their headers."""
    if planned.status not in (412, 416):
        return
    request.scope["state"]["problem_headers"] = planned.headers
    if planned.status == 412:
        raise AppError(Kind.PRECONDITION, "etag_mismatch", "The file is not the one that If-Match names.")
    raise out_of_range("range_not_satisfiable", "No part of the file is in the range.")
