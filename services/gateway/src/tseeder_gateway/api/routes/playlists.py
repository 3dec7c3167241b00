"""A job's media files for a player."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from tseeder_gateway.api.access import FilesWrite
from tseeder_gateway.api.content_origin import links_origin
from tseeder_gateway.api.ids import JobId
from tseeder_gateway.api.parts import parts_of
from tseeder_gateway.api.problem_codes import problems
from tseeder_gateway.api.schemas.files import PlaylistQuery
from tseeder_gateway.domain.disposition import FALLBACK_NAME, content_disposition
from tseeder_gateway.domain.m3u8 import MEDIA_TYPE, playlist


class LinkedAnswer(Response):
    """Makes links, so that there is no HEAD of it."""


router = APIRouter(prefix="/v1", tags=["files"])

_PLAYLIST: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The playlist, in UTF-8",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "pattern": "^#EXTM3U\\n"}}},
    },
    **problems("job_not_found", "folder_not_found", "playlist_empty", "too_many_links", "link_passwords_busy"),
}


@router.get("/jobs/{job_id}/playlist.m3u8", response_class=LinkedAnswer, responses=_PLAYLIST)
async def get_playlist(
    request: Request, access: FilesWrite, job_id: JobId, query: Annotated[PlaylistQuery, Query()]
) -> Response:
    """The job's video and audio files in natural order, stored or not, 1,000 at most. Each has a new link that lasts
    for 24 hours: whoever has the list can play it, without a credential."""
    origin = links_origin(request)
    made = await parts_of(request).links.create_playlist(access.identity, job_id, query.folder or "")
    name = made.job_name or FALLBACK_NAME
    text = playlist(name, (("/".join(item.path), f"{origin}/v1/links/{item.token}") for item in made.items))
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": content_disposition(f"{name}.m3u8", inline=False),
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type=MEDIA_TYPE, headers=headers)
