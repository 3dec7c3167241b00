"""Join: tell jobs that this boot is there, learn its timers, delete what nobody needs from earlier boots."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Final

from tseeder_agent.usecases.context import Context
from tseeder_kit.logging import get_logger

VERSION: Final = version("tseeder-agent")
_log = get_logger(__name__)


async def register_agent(ctx: Context) -> None:
    """Also after the credential was refused; leases that this boot holds stay. AppError if jobs is away or refuses."""
    leftovers = await asyncio.to_thread(ctx.scratch.leftovers)
    timing, keep = await ctx.jobs.register(
        transfers=ctx.settings.transfers,
        disk_bytes=await asyncio.to_thread(ctx.scratch.capacity_bytes),
        read_url=ctx.fleet.read_url,
        leftovers=leftovers,
        version=VERSION,
    )
    left = [lease for lease in leftovers if lease not in ctx.fleet.runs]
    kept = [lease for lease in left if lease in keep] if ctx.settings.leftover_seconds else []
    for lease in set(left) - set(kept):
        ctx.leftovers.forget(lease)
        await ctx.scratch.drop(lease)
    await ctx.leftovers.keep(kept)
    ctx.fleet.timing = timing
    ctx.fleet.claim_now.set()
    _log.info("registered", agent_id=ctx.jobs.agent_id, boot_id=ctx.jobs.boot_id, leftovers=len(leftovers))
