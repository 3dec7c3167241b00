"""End a link. Gateways that hand out bytes by it notice within 5 s."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.links import link_not_found
from tseeder_jobs.store import links
from tseeder_jobs.usecases.context import Context
from tseeder_pg import connection


async def revoke_link(ctx: Context, user_id: UUID, link_id: UUID) -> None:
    """Again: changes nothing. NOT_FOUND `link_not_found`."""
    async with connection(ctx.pool) as tx:
        if not await links.revoke(tx, link_id, user_id):
            raise link_not_found()
