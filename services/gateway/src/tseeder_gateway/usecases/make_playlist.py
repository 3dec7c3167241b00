"""A playlist of a job's media files, each with a link of its own, so that a player needs no credential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.links import Links
from tseeder_gateway.domain.disposition import FALLBACK_NAME
from tseeder_gateway.domain.m3u8 import playlist
from tseeder_kit.clock import now
from tseeder_kit.errors import conflict

LASTS: Final = timedelta(hours=24)
"""How long its links are good: as long as somebody may watch."""
MOST: Final = 2000
"""Files of one list; the rest of a larger job is for a list of one of its folders."""
PAGE: Final = 1000
_MEDIA: Final = (model.FILE_TYPE_VIDEO, model.FILE_TYPE_AUDIO)
_THERE: Final = (model.FILE_STATE_PENDING, model.FILE_STATE_STORED)


@dataclass(frozen=True)
class Playlist:
    """Its job's name, and its text."""

    name: str
    text: str


async def make_playlist(
    jobs: Jobs, links: Links, identity: str, job_id: str, *, folder: str, link_url: Callable[[str], str]
) -> Playlist:
    """The wanted video and audio files of the job, or of a folder of it, in natural order, stored or not. `link_url`
    makes a URL of a link's token.

    Errors: NOT_FOUND `job_not_found`, `folder_not_found`; CONFLICT `playlist_empty`; EXHAUSTED `too_many_links`.
    """
    job = await jobs.get_job(identity, job_id)
    files = await _media_files(jobs, identity, job_id, folder)
    if not files:
        raise conflict("playlist_empty", "There is no video or audio file to play.")
    tokens: list[str] = []
    for at in range(0, len(files), PAGE):
        made = await links.create(
            identity,
            [file.file_id for file in files[at : at + PAGE]],
            expires_at=now() + LASTS,
            download_limit=None,
            password=None,
            idempotency_key="",
        )
        tokens += [link.token for link in made.links]
    items = [("/".join(file.path), link_url(token)) for file, token in zip(files, tokens, strict=True)]
    name = job.name or FALLBACK_NAME
    return Playlist(name, playlist(name, items))


async def _media_files(jobs: Jobs, identity: str, job_id: str, folder: str) -> list[model.File]:
    request = pb.ListFilesRequest(
        job_id=job_id, folder=folder, order=pb.FILE_ORDER_NATURAL, types=_MEDIA, states=_THERE, limit=PAGE
    )
    found: list[model.File] = []
    while len(found) < MOST:
        page = await jobs.list_files(identity, request)
        found += [file for file in page.files if file.selected]
        request.cursor = page.next_cursor
        if not page.next_cursor:
            break
    return found[:MOST]
