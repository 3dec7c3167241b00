"""Files of subtitles, for players in browsers."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from tseeder_gateway.api.access import FilesRead, authorizer
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.ids import FileId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.domain.conditions import none_match
from tseeder_gateway.domain.webvtt import MEDIA_TYPE
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_gateway.usecases.read_subtitles import open_subtitles, read_subtitles
from tseeder_gateway.usecases.readings import OwnReading

router = APIRouter(prefix="/v1/files", tags=["files"])

_SUBTITLES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The subtitles, in UTF-8",
        "headers": headers("ETag", "Content-Security-Policy"),
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "pattern": "^WEBVTT\\n"}}},
    },
    304: {"description": "The client has it already", "headers": headers("ETag")},
    **problems(
        "file_not_found",
        "torrent_blocked",
        "file_not_wanted",
        "not_subtitles",
        "subtitles_too_large",
        "subtitles_unreadable",
        "subtitles_busy",
        "too_many_subtitles",
        "not_stored_yet",
        "content_late",
        "storage_unavailable",
        "storage_refused",
    ),
}


@router.get(
    "/{file_id}/subtitles.vtt",
    response_class=Response,
    responses=_SUBTITLES,
    openapi_extra={"x-request-headers": ("If-None-Match",)},
)
async def get_subtitles(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """A file of subtitles (.srt, .ass, .ssa or .vtt, in whatever charset) as WebVTT, stored or not. Its places on the
    picture, colours and drawings are left out. Subtitles inside a film are listed in its `media`, and not given out."""
    parts = parts_of(request)
    source = OpenContent(
        OwnReading(parts.jobs, authorizer(parts, access, "files:read"), file_id), parts.readers, counted=False
    )
    file = await open_subtitles(source)
    sent = {"ETag": file.etag, "Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"}
    if none_match(request.headers.get("If-None-Match"), file.etag):
        return Response(status_code=304, headers=sent)
    text = await read_subtitles(parts.converted, source, file, access.user_id)
    if request.method != "HEAD":
        await source.handed_out(file.opened.content.size_bytes)
    return Response(text, headers={**sent, "X-Content-Type-Options": "nosniff"}, media_type=MEDIA_TYPE)
