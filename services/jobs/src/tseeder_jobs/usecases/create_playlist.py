"""Links to a job's films and music, in the order in which people play them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.file_filter import FileFilter
from tseeder_jobs.domain.links import Terms
from tseeder_jobs.domain.media_types import FileType
from tseeder_jobs.domain.states import FileState
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.create_links import create_links
from tseeder_jobs.usecases.order_files import ordered_job
from tseeder_jobs.usecases.read_files import MAX_LIMIT, list_files
from tseeder_kit.clock import now
from tseeder_kit.errors import conflict

LASTS: Final = timedelta(hours=24)
"""How long its links are good: as long as somebody may watch."""
_MEDIA: Final = FileFilter(
    types=frozenset({FileType.VIDEO, FileType.AUDIO}), states=frozenset({FileState.PENDING, FileState.STORED})
)


@dataclass(frozen=True, slots=True)
class Playlist:
    """The job's name, and of each file its path and the token of its link."""

    name: str
    items: list[tuple[list[str], str]] = field(repr=False)


async def create_playlist(ctx: Context, user_id: UUID, job_id: UUID, folder: str) -> Playlist:
    """Of the wanted files of the job, or of one of its folders, stored or not; MAX_LIMIT at most, so that all of their
    links are made or none.

    Errors: NOT_FOUND `job_not_found`, `folder_not_found`; CONFLICT `playlist_empty`; EXHAUSTED `too_many_links`.
    """
    job = await ordered_job(ctx, user_id, job_id)
    page = await list_files(ctx, user_id, job_id, _MEDIA, folder=folder, order="natural", cursor="", limit=MAX_LIMIT)
    chosen = [file for file in page.files if file.selected]
    if not chosen:
        raise conflict("playlist_empty", "There is no video or audio file to play.")
    terms = Terms(now() + LASTS, None, "", "")
    made = await create_links(ctx, user_id, [file.file_id for file in chosen], terms)
    return Playlist(job.shown_name, [(file.path, token) for file, token in zip(chosen, made.tokens, strict=True)])
