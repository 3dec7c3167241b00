"""Where the bytes of some files of an archive are, now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.archives import archive_changed
from tseeder_jobs.domain.takedowns import torrent_blocked
from tseeder_jobs.store import archives, takedowns
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.hold_stream import hold_stream
from tseeder_jobs.usecases.own_job import job_not_found
from tseeder_kit.errors import invalid
from tseeder_pg import transaction

MOST_FILES: Final = 100


async def open_archive(
    ctx: Context, user_id: UUID, job_id: UUID, file_indexes: Sequence[int], stream_id: UUID | None
) -> list[str]:
    """A presigned URL for each file, in their order; with a `stream_id` for a reader, who counts among the user's
    streams. With no files it looks whether the job is still his.

    Errors: NOT_FOUND `job_not_found`; FORBIDDEN `torrent_blocked`; CONFLICT `archive_changed` where a file is not
    stored, or not the job's any more; EXHAUSTED `streams_limit`; INVALID `bad_limit`.
    """
    if len(file_indexes) > MOST_FILES:
        raise invalid("bad_limit", f"At most {MOST_FILES} files are opened at once.")
    async with transaction(ctx.pool, readonly=True) as tx:
        torrent_id = await archives.own_torrent(tx, job_id, user_id)
        if torrent_id is None:
            raise job_not_found()
        if await takedowns.torrent_blocked(tx, torrent_id):
            raise torrent_blocked()
        keys = await archives.object_keys(tx, job_id, torrent_id, file_indexes) if file_indexes else {}
    if any(index not in keys for index in file_indexes):
        raise archive_changed()
    if stream_id is not None:
        await hold_stream(ctx, user_id, stream_id)
    seconds = ctx.settings.presign_seconds
    return [await ctx.storage.presign_get(keys[index], seconds=seconds) for index in file_indexes]
