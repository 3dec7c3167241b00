"""Order an agent to give everything back and to claim nothing, or take that order back."""

from __future__ import annotations

from tseeder import subjects
from tseeder_jobs.domain.rows import AgentRow
from tseeder_jobs.store import agents
from tseeder_jobs.usecases.context import Context
from tseeder_kit.errors import not_found
from tseeder_pg import transaction


async def set_drain(ctx: Context, agent_id: str, *, drain: bool) -> tuple[AgentRow, int]:
    """The order stands over restarts of the agent, and beside a cordon: neither ends the other. Leases end as the agent
    gives them back, so that what is whole is sent first. Answers it and how many leases it holds still; NOT_FOUND
    `agent_not_found`."""
    async with transaction(ctx.pool) as tx:
        await agents.set_drain(tx, agent_id, drain)
        found = next((row for row in await agents.list_all(tx) if row[0].agent_id == agent_id), None)
    if found is None:
        raise not_found("agent_not_found", "There is no such agent.")
    # Its next heartbeat tells it; ring so that it comes now.
    await ctx.bus.ring(subjects.agent_orders(agent_id))
    if not drain:
        await ctx.bus.ring(subjects.JOBS_AVAILABLE)
    return found
