"""Where a file's bytes can be had, now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder.agent.v1.read_token_pb2 import ReadToken
from tseeder_jobs.domain.media_types import media_type
from tseeder_jobs.domain.reads import AgentRead, Holder, ReadSource, StoredUrl, Wait, attachment, etag
from tseeder_jobs.domain.rows import FileRow, JobRow, Reason
from tseeder_jobs.domain.states import FileState, JobState
from tseeder_jobs.domain.takedowns import torrent_blocked
from tseeder_jobs.store import accounts, files, jobs, leases, probing, takedowns
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.hold_stream import hold_stream
from tseeder_jobs.usecases.read_files import file_not_found
from tseeder_kit.errors import conflict, out_of_range
from tseeder_kit.ids import uuid7
from tseeder_pg import transaction
from tseeder_rpc import sign_read

TOKEN_LASTS: Final = timedelta(seconds=60)
PUBLIC_URL_SECONDS: Final = 60
"""How long a client may begin to read at S3 by itself: nobody looks there whether he still may."""
RETRY_SECONDS: Final = 5
_WAIT: Final = Wait(Reason("file_not_stored", "The file is not stored yet."), RETRY_SECONDS)
_PAUSED: Final = Wait(Reason("job_paused", "The job is paused."), RETRY_SECONDS)


async def open_read(
    ctx: Context, user_id: UUID, file_id: UUID, offset: int, stream_id: UUID | None = None, *, by_link: bool = False
) -> ReadSource:
    """From `offset` on; with a `stream_id` for a reader, who counts among the user's streams. `by_link`: it is his link
    that is read, and not he who asks.

    The files of an account that is closed are nobody's. Who only looks, without a `stream_id`, is told the file's media
    facts, too. What is not stored yet comes from the agent that runs the job's transfer; where none does, it is waited
    for.

    Errors: NOT_FOUND `file_not_found`; FORBIDDEN `torrent_blocked`; EXHAUSTED `streams_limit`; RANGE
    `offset_out_of_range`; CONFLICT `file_not_wanted` for a file that is not selected, or that its job ended without:
    waiting for it is of no use.
    """
    async with transaction(ctx.pool, readonly=True) as tx:
        row = None if await accounts.closed(tx, user_id) else await files.read_own(tx, file_id, user_id)
        blocked = row is not None and await takedowns.file_blocked(tx, file_id)
        key = await files.stored_object_key(tx, row.entry_id) if row is not None else None
        holder = await leases.holder(tx, row.job_id) if row is not None and row.state is FileState.PENDING else None
        job = await jobs.read(tx, row.job_id) if row is not None and holder is None else None
        media = await probing.facts(tx, row.entry_id) if row is not None and stream_id is None else None
    if row is None:
        raise file_not_found()
    row = replace(row, media=media)
    if blocked:
        raise torrent_blocked()
    if not 0 <= offset <= row.size_bytes:
        raise out_of_range("offset_out_of_range", "The file has no such position.", size_bytes=row.size_bytes)
    tag = etag(row.entry_id)
    if row.state is not FileState.STORED:
        _refuse_unwanted(row)
    if stream_id is not None:
        await hold_stream(ctx, user_id, stream_id, by_link=by_link)
    if row.state is not FileState.STORED:
        return ReadSource(row, tag, _source(row, holder, job, stream_id))
    if row.size_bytes == 0:
        return ReadSource(row, tag, None)
    if key is None:
        # Given up between the two looks; the next call says so.
        return ReadSource(row, tag, Wait(Reason("file_changing", "The file is being changed."), 1))
    return ReadSource(row, tag, await _urls(ctx, row, key, public=not by_link))


def _refuse_unwanted(row: FileRow) -> None:
    if row.state is FileState.DROPPED or not row.selected:
        raise conflict("file_not_wanted", "This file is not selected, or its job ended without it.")


def _source(row: FileRow, holder: Holder | None, job: JobRow | None, stream_id: UUID | None) -> AgentRead | Wait:
    if holder is not None and row.size_bytes:
        return _from(holder, row.file_index, stream_id or uuid7())
    return _PAUSED if job is not None and job.state is JobState.PAUSED else _WAIT


def _from(holder: Holder, file_index: int, stream_id: UUID) -> AgentRead:
    token = ReadToken(
        agent_id=holder.agent_id,
        boot_id=str(holder.boot_id),
        transfer_id=str(holder.transfer_id),
        epoch=holder.epoch,
        file_index=file_index,
        stream_id=str(stream_id),
    )
    token.expires_at.FromDatetime(datetime.now(UTC) + TOKEN_LASTS)
    return AgentRead(holder.read_url, holder.epoch, sign_read(token, holder.credential_hash))


async def _urls(ctx: Context, row: FileRow, key: str, *, public: bool) -> StoredUrl:
    """Who reads by a link or a grant gets no URL of S3's: what ends those has to end his next request, too."""
    url = await ctx.storage.presign_get(key, seconds=ctx.settings.presign_seconds)
    if not (public and ctx.storage.redirects):
        return StoredUrl(url, "")
    # A user's client gets S3's own answer, so what the gateway would have said is signed into the URL.
    headers = {"content-type": media_type(row.path, row.sniffed_type), "content-disposition": attachment(row.path[-1])}
    public_url = await ctx.storage.presign_get(key, seconds=PUBLIC_URL_SECONDS, public=True, answer_headers=headers)
    return StoredUrl(url, public_url)
