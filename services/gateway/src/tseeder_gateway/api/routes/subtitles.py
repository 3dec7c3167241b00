"""Files of subtitles, for players in browsers."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from tseeder_gateway.api.access import FilesRead, authorizer
from tseeder_gateway.api.context import AT_END
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.held_body import HeldBody
from tseeder_gateway.api.ids import FileId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.conditions import none_match
from tseeder_gateway.domain.webvtt import MEDIA_TYPE
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_gateway.usecases.read_subtitles import open_subtitles, read_subtitles, refuse_unreadable
from tseeder_gateway.usecases.readings import OwnReading

router = APIRouter(prefix="/v1/files", tags=["files"])

_OPENED: Final = (
    "file_not_found",
    "torrent_blocked",
    "file_not_wanted",
    "not_subtitles",
    "subtitles_too_large",
    "subtitles_unreadable",
)
_READ: Final = (
    "subtitles_busy",
    "too_many_subtitles",
    "not_stored_yet",
    "content_late",
    "storage_unavailable",
    "storage_refused",
)
_DESCRIBED: Final[dict[str, Any]] = {
    "response_class": Response,
    "openapi_extra": {"x-request-headers": ("If-None-Match",)},
}


def _responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "description": "The subtitles, in UTF-8",
            "headers": headers("ETag", "Content-Security-Policy"),
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "pattern": "^WEBVTT\\n"}}},
        },
        304: {"description": "The client has it already", "headers": headers("ETag")},
        **problems(*_OPENED, *codes),
    }


@router.api_route("/{file_id}/subtitles.vtt", methods=["GET"], responses=_responses(*_READ), **_DESCRIBED)
async def get_subtitles(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """A file of subtitles (.srt, .ass, .ssa or .vtt, in whatever charset) as WebVTT, stored or not. Its places on the
    picture, colours and drawings are left out. Subtitles inside a film are listed in its `media`, and not given out."""
    return await _subtitles(request, access, file_id)


@router.api_route("/{file_id}/subtitles.vtt", methods=["HEAD"], responses=_responses(), **_DESCRIBED)
async def head_subtitles(request: Request, access: FilesRead, file_id: FileId) -> Response:
    """Whether there may be subtitles, and their ETag. Nothing is read or converted for it: there is no Content-Length,
    and a GET may still find that they are not stored yet, or unreadable."""
    return await _subtitles(request, access, file_id)


async def _subtitles(request: Request, access: Access, file_id: str) -> Response:
    parts = parts_of(request)
    source = OpenContent(
        OwnReading(parts.jobs, authorizer(parts, access, "files:read"), file_id), parts.readers, counted=False
    )
    file = await open_subtitles(source)
    sent = {"ETag": file.etag, "Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"}
    if none_match(request.headers.get("If-None-Match"), file.etag):
        return Response(status_code=304, headers=sent)
    sent["X-Content-Type-Options"] = "nosniff"
    if request.method == "HEAD":
        refuse_unreadable(parts.converted, file)
        head = Response(headers=sent, media_type=MEDIA_TYPE)
        del head.headers["content-length"]
        return head
    held = parts.converted.memory.hold(access.user_id)
    request.scope["state"].setdefault(AT_END, []).append(held.release)
    text = await read_subtitles(parts.converted, source, file, held, access.user_id)
    await source.handed_out(file.opened.content.size_bytes)
    return HeldBody(text, headers=sent, media_type=MEDIA_TYPE, stalled_seconds=parts.settings.stalled_reader_seconds)
