"""Let whoever gets the answer read one file for some hours."""

from __future__ import annotations

from uuid import UUID

from tseeder_jobs.domain.grants import LASTS, Grant, signed
from tseeder_jobs.store import files
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.entitle import refresh_limits
from tseeder_jobs.usecases.read_files import file_not_found
from tseeder_kit.clock import now
from tseeder_pg import connection

PURPOSE = "grants"


async def grant_read(ctx: Context, user_id: UUID, file_id: UUID) -> tuple[Grant, str]:
    """The grant, and its text. NOT_FOUND `file_not_found`."""
    await refresh_limits(ctx, user_id)  # whoever holds the grant cannot ask billing for him
    async with connection(ctx.pool) as tx:
        if await files.read_own(tx, file_id, user_id) is None:
            raise file_not_found()
    grant = Grant(user_id, file_id, now() + LASTS)
    return grant, signed(grant, ctx.keyring.derived(PURPOSE))
