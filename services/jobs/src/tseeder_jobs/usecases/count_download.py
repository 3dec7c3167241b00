"""A download by a link begins."""

from __future__ import annotations

from tseeder_jobs.domain.links import RESUMED_FOR, link_not_found, link_spent
from tseeder_jobs.store import links
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.create_links import token_hash
from tseeder_pg import connection


async def count_download(ctx: Context, token: str) -> None:
    """Counts it. FORBIDDEN `link_spent` if it is one too many; NOT_FOUND `link_not_found`."""
    hashed = token_hash(token)
    async with connection(ctx.pool) as tx:
        if await links.count_download(tx, hashed):
            return
        if await links.held(tx, hashed, RESUMED_FOR) is None:
            raise link_not_found()
    raise link_spent()
