"""How many answers with file bytes one user has at once, over all gateways."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.store import bandwidth, locks, streams, usage
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import AppError, exhausted, invalid
from tseeder_kit.logging import get_logger
from tseeder_pg import connection, transaction

RETRY_SECONDS = 5
MOST_SENT = 1 << 60
"""No torrent is larger."""
_log = get_logger(__name__)


async def hold_stream(ctx: Context, user_id: UUID, stream_id: UUID, *, by_link: bool = False) -> None:
    """It counts among the user's for 15 s from now; EXHAUSTED `streams_limit` if his plan allows no more of them.

    One that has counted is not refused any more. While billing is away nobody is refused. `by_link`: it is not the user
    who asks, so billing cannot be asked for him; what it said last holds.
    """
    async with connection(ctx.pool) as tx:
        if await streams.renew(tx, stream_id, user_id):
            return
    limit = await (_last_limit(ctx, user_id) if by_link else _limit(ctx, user_id))
    if limit is None:
        return
    async with transaction(ctx.pool) as tx:
        await locks.lock_streams(tx, user_id)
        if not await streams.begin(tx, stream_id, user_id, limit):
            raise exhausted(
                "streams_limit",
                "As many of your streams are running as your plan allows.",
                limit=limit,
                retry_after_seconds=RETRY_SECONDS,
            )


async def _limit(ctx: Context, user_id: UUID) -> int | None:
    try:
        return (await ctx.billing.entitlements(user_id)).streams
    except AppError as exc:
        if not exc.retryable:
            raise
        _log.info("streams_not_limited", code=exc.code)
        return None


async def _last_limit(ctx: Context, user_id: UUID) -> int | None:
    async with connection(ctx.pool) as tx:
        row = await usage.read(tx, user_id)
    return None if row is None else row.streams_limit


async def end_stream(ctx: Context, user_id: UUID, stream_id: UUID, sent_bytes: int) -> None:
    """It is over, and has handed out so much, which is the user's bandwidth. INVALID `bad_sent_bytes`."""
    if not 0 <= sent_bytes <= MOST_SENT:
        raise invalid("bad_sent_bytes", "An answer has no such length.")
    async with transaction(ctx.pool) as tx:
        await streams.end(tx, stream_id, user_id)
        if sent_bytes:
            await bandwidth.add(tx, user_id, sent_bytes)
