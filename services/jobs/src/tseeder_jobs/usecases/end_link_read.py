"""An answer by a link is over."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.store import links
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.create_links import token_hash
from tseeder_jobs.usecases.hold_stream import end_stream
from tseeder_pg import connection


async def end_link_read(ctx: Context, token: str, stream_id: UUID, sent_bytes: int) -> None:
    """It is none of the owner's streams any more, also if the link was revoked. What is not known changes nothing."""
    async with connection(ctx.pool) as tx:
        user_id = await links.owner(tx, token_hash(token))
    if user_id is not None:
        await end_stream(ctx, user_id, stream_id, sent_bytes)
