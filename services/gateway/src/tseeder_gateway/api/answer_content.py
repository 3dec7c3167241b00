"""What the routes that answer a file's bytes have in common: by the caller's own right, or by a link."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from fastapi import Request, Response

from tseeder_gateway.api.content import ContentResponse, refuse, wish_of
from tseeder_gateway.api.described import headers
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.domain.content_plan import plan
from tseeder_gateway.usecases.open_content import OpenContent
from tseeder_gateway.usecases.readings import Reading
from tseeder_kit.errors import AppError
from tseeder_kit.ids import random_token

_BYTES: Final[dict[str, Any]] = {
    "content": {
        # The media types of domain/media_types.py, and none that a browser would run.
        "*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    }
}
_SAME: Final = ("ETag", "Accept-Ranges", "Content-Disposition", "Content-Security-Policy")
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The whole file", "headers": headers(*_SAME), **_BYTES},
    206: {
        "description": "The ranges that were asked for; several as multipart/byteranges",
        "headers": headers(*_SAME, "Content-Range"),
        **_BYTES,
    },
    307: {
        "description": "Where the bytes are: the object store, for this minute, or the content origin (by settings)",
        "headers": headers("Storage-Location"),
    },
    304: {"description": "The client has it already", "headers": headers("ETag")},
}
_CODES: Final = (
    "not_stored_yet",
    "content_late",
    "streams_limit",
    "file_not_wanted",
    "torrent_blocked",
    "etag_mismatch",
    "range_not_satisfiable",
    "storage_unavailable",
    "storage_refused",
)


def described_content(*codes: str) -> dict[str, Any]:
    """What a route says of itself that answers so; `codes` are its own, beside those of every such route."""
    return {
        "response_class": Response,
        "responses": {**deepcopy(_RESPONSES), **problems(*_CODES, *codes)},
        "openapi_extra": {"x-request-headers": ("Range", "If-Range", "If-Match", "If-None-Match")},
    }


async def answer_content(request: Request, reading: Reading) -> Response:
    """The bytes that the request asks for, or where they are. Raises what `reading` does; 412 and 416."""
    parts = parts_of(request)
    wish = wish_of(request)
    redirects = parts.settings.content_redirect and wish.plain
    counted = wish.method == "GET" and not redirects
    source = OpenContent(reading, parts.readers, counted=counted)
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
        planned = plan(opened.content, wish, "")
        await source.begin(at_start=planned.at_start)
        await source.handed_out(planned.length)
    except AppError:
        await source.end()
        raise
    await source.end()
    return Response(
        status_code=307,
        headers={"Location": opened.public_url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
