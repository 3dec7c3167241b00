"""What an archive of a job's files is made of, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.archives import (
    ArchiveEntry,
    ArchiveHeader,
    Chosen,
    archive_changed,
    check_counted,
    check_ranges,
)
from tseeder_jobs.domain.rows import JobRow
from tseeder_jobs.domain.states import FileState
from tseeder_jobs.domain.takedowns import torrent_blocked
from tseeder_jobs.store import archives, jobs, takedowns
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.hold_stream import hold_stream
from tseeder_jobs.usecases.own_job import job_not_found
from tseeder_kit.errors import internal, invalid
from tseeder_kit.logging import get_logger
from tseeder_pg import Record, transaction

PAGE_ROWS: Final = 1000
_log = get_logger(__name__)


async def describe_archive(
    ctx: Context, user_id: UUID, job_id: UUID, chosen: Chosen, stream_id: UUID | None
) -> AsyncIterator[ArchiveHeader | list[ArchiveEntry]]:
    """The header, then the entries by file index, PAGE_ROWS at most in each list.

    All that is chosen is in it, or nothing: NOT_FOUND `job_not_found`; FORBIDDEN `torrent_blocked`; INVALID
    `bad_file_ranges`, `selection_out_of_range`; CONFLICT `archive_empty`, `file_not_wanted`, `not_stored_yet`;
    EXHAUSTED `streams_limit`.
    The pages are read one after another: CONFLICT `archive_changed` if a file was given up meanwhile.
    """
    check_ranges(chosen.ranges or ())
    job, file_count = await _looked_at(ctx, user_id, job_id, chosen)
    if stream_id is not None:
        await hold_stream(ctx, user_id, stream_id)
    yield ArchiveHeader(job.shown_name, job.created_at, file_count)
    left, after_index = file_count, -1
    while left:
        async with transaction(ctx.pool, readonly=True) as tx:
            rows = await archives.page(
                tx, job_id, job.torrent_id, chosen, after_index=after_index, limit=min(PAGE_ROWS, left)
            )
        if not rows:
            raise archive_changed()
        yield [_entry(row) for row in rows]
        left, after_index = left - len(rows), rows[-1]["file_index"]


async def _looked_at(ctx: Context, user_id: UUID, job_id: UUID, chosen: Chosen) -> tuple[JobRow, int]:
    async with transaction(ctx.pool, readonly=True) as tx:
        job = await jobs.read_own(tx, job_id, user_id)
        if job is None:
            raise job_not_found()
        if await takedowns.torrent_blocked(tx, job.torrent_id):
            raise torrent_blocked()
        if chosen.ranges is not None:
            unknown = await archives.first_empty_range(tx, job_id, job.torrent_id, chosen.ranges)
            if unknown is not None:
                raise invalid("selection_out_of_range", f"The job has no file {unknown}.", file_index=unknown)
        counted = await archives.count(tx, job_id, job.torrent_id, chosen)
    check_counted(counted)
    return job, counted.files


def _entry(row: Record) -> ArchiveEntry:
    if row["state"] != FileState.STORED:
        raise archive_changed()
    crc32 = row["crc32"] if row["size_bytes"] else 0
    if crc32 is None:
        # Completion writes it with the object's row; a file without one is a defect, and no archive of it can be right.
        _log.error("crc32_missing", entry_id=str(row["entry_id"]))
        raise internal()
    return ArchiveEntry(row["file_index"], row["path"], row["size_bytes"], crc32, row["entry_id"])
