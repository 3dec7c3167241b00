"""Every agent, for operators."""

from __future__ import annotations

from tseeder_jobs.domain.rows import AgentRow
from tseeder_jobs.store import agents
from tseeder_jobs.usecases.context import Context
from tseeder_pg import transaction


async def list_agents(ctx: Context) -> list[tuple[AgentRow, int]]:
    """All that ever registered, by id, with how many leases each holds."""
    async with transaction(ctx.pool, readonly=True) as tx:
        return await agents.list_all(tx)
