"""Asks for work when the bell rings, when a slot becomes free, and every `claim_seconds`."""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from tseeder_agent.usecases.claim_transfers import claim_transfers
from tseeder_agent.usecases.context import Context
from tseeder_kit.lifecycle import every


async def claimer(ctx: Context) -> NoReturn:
    """For ever."""
    await every(ctx.settings.claim_seconds, partial(claim_transfers, ctx), wake=ctx.fleet.claim_now, name="claim")
