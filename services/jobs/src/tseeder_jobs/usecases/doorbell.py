"""What to ring once a transaction has committed. A ring that is lost costs latency only: sweeps and heartbeats look."""

from __future__ import annotations

from dataclasses import dataclass, field

from tseeder import subjects
from tseeder_jobs.usecases.context import Context
from tseeder_kit.trace_context import current_traceparent


@dataclass(slots=True)
class Doorbell:
    """Collects while a transaction runs; `ring` after COMMIT."""

    work: bool = False  # something became claimable
    agents: set[str] = field(default_factory=set)  # orders wait for these, or their lease is gone
    traceparent: str | None = field(default_factory=current_traceparent)  # of the call that it is made in

    async def ring(self, ctx: Context) -> None:
        """Tell whoever should look now."""
        ctx.poke_relay()
        if self.work:
            await ctx.bus.ring(subjects.JOBS_AVAILABLE)
        for agent_id in sorted(self.agents):
            await ctx.bus.ring(subjects.agent_orders(agent_id))
