"""Several files of a job as one download."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from tseeder_gateway.api.access import FilesRead, authorizer
from tseeder_gateway.api.content import ContentResponse, refuse, wish_of
from tseeder_gateway.api.context import AT_END
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.archives import ArchiveQuery
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.content_plan import plan
from tseeder_gateway.usecases.open_archive import OpenArchive
from tseeder_kit.errors import AppError
from tseeder_kit.ids import random_token

router = APIRouter(prefix="/v1", tags=["files"])

_BYTES: Final[dict[str, Any]] = {
    "content": {
        "application/zip": {"schema": {"type": "string", "contentMediaType": "application/zip"}},
    }
}
_RANGES: Final[dict[str, Any]] = {
    "content": {
        **_BYTES["content"],
        "multipart/byteranges": {"schema": {"type": "string", "contentMediaType": "multipart/byteranges"}},
    }
}
_SAME: Final = ("ETag", "Accept-Ranges", "Content-Disposition", "Content-Security-Policy")
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The whole archive", "headers": headers(*_SAME), **_BYTES},
    206: {
        "description": "The ranges that were asked for; several as multipart/byteranges",
        "headers": headers(*_SAME, "Content-Range"),
        **_RANGES,
    },
    304: {"description": "The client has it already", "headers": headers("ETag")},
    **problems(
        "job_not_found",
        "torrent_blocked",
        "bad_file_ranges",
        "selection_out_of_range",
        "archive_empty",
        "archive_changed",
        "file_not_wanted",
        "not_stored_yet",
        "streams_limit",
        "too_many_archives",
        "archives_busy",
        "etag_mismatch",
        "range_not_satisfiable",
        "storage_unavailable",
        "storage_refused",
    ),
}
_ARCHIVE: Final[dict[str, Any]] = {
    "response_class": Response,
    "responses": _RESPONSES,
    "openapi_extra": {"x-request-headers": ("Range", "If-Range", "If-Match", "If-None-Match")},
}


@router.api_route("/jobs/{job_id}/archive.zip", methods=["GET"], **_ARCHIVE)
async def get_archive(
    request: Request, access: FilesRead, job_id: JobId, query: Annotated[ArchiveQuery, Query()]
) -> Response:
    """A job's files, or some of them, as a ZIP archive: stored, not compressed, so that its length is known and any
    range of it can be had. All of the files must be stored."""
    return await _archive(request, access, job_id, query)


@router.api_route("/jobs/{job_id}/archive.zip", methods=["HEAD"], **_ARCHIVE)
async def head_archive(
    request: Request, access: FilesRead, job_id: JobId, query: Annotated[ArchiveQuery, Query()]
) -> Response:
    """What a GET would say about the whole archive."""
    return await _archive(request, access, job_id, query)


async def _archive(request: Request, access: Access, job_id: str, query: ArchiveQuery) -> Response:
    parts = parts_of(request)
    wish = wish_of(request)
    source = OpenArchive(
        parts.jobs,
        parts.readers,
        parts.archives,
        authorizer(parts, access, "files:read"),
        user_id=access.user_id,
        job_id=job_id,
        chosen=query.chosen(),
        counted=wish.method == "GET",
    )
    request.scope["state"].setdefault(AT_END, []).append(source.release)
    try:
        opened = await source.open()
        planned = plan(opened.content, wish, random_token(18))
        refuse(request, planned)
    except AppError:
        await source.end()
        raise
    return ContentResponse(
        planned,
        lambda part: source.read(opened, part),
        source,
        stalled_seconds=parts.settings.stalled_reader_seconds,
    )
