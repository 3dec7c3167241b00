"""How much of the scratch disk one transfer may have: what no other one has reserved."""

from __future__ import annotations

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.run import Run


def room_for(ctx: Context, run: Run | None = None) -> int:
    """Bytes, with what lies there of `run` already; without a run: for what is to be claimed. Blocking, but shortly.

    Never what others reserved and have not written yet, whether their promise is more than the disk has free, or more
    than this agent may use. What earlier boots left counts as free: it goes as soon as the room is needed.
    """
    others = [each for each in list(ctx.fleet.runs.values()) if each is not run]
    reserved = sum(each.disk_reserved for each in others)
    to_come = sum(each.disk_to_come for each in others)
    mine = run.staged_bytes if run else 0
    capacity, free = ctx.scratch.capacity_bytes(), ctx.scratch.free_bytes() + ctx.leftovers.size
    return max(0, min(capacity - reserved, free + mine - to_come))
