"""Where the bytes of a granted file can be had, now, for whoever holds the grant."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.grants import content_url_expired, verified
from tseeder_jobs.domain.reads import ReadSource
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.grant_read import PURPOSE
from tseeder_jobs.usecases.hold_stream import end_stream
from tseeder_jobs.usecases.open_read import open_read
from tseeder_kit.clock import now
from tseeder_kit.errors import AppError


async def open_grant(ctx: Context, text: str, offset: int, stream_id: UUID | None = None) -> ReadSource:
    """As `open_read` for the file's owner, and one of his streams. NOT_FOUND `content_url_expired`."""
    grant = verified(text, ctx.keyring.derived(PURPOSE), now())
    try:
        return await open_read(ctx, grant.user_id, grant.file_id, offset, stream_id, by_link=True)
    except AppError as exc:
        if exc.code == "file_not_found":
            raise content_url_expired() from exc
        raise


async def end_grant_read(ctx: Context, text: str, stream_id: UUID, sent_bytes: int) -> None:
    """That stream is over. Of a grant that has expired meanwhile it ends by itself, and what it sent is not counted."""
    try:
        grant = verified(text, ctx.keyring.derived(PURPOSE), now())
    except AppError:
        return
    await end_stream(ctx, grant.user_id, stream_id, sent_bytes)
