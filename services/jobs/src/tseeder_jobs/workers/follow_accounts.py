"""Reads auth's feed: after each of its rings, and every now and then anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from tseeder import subjects
from tseeder_jobs.adapters.accounts import Accounts
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.follow_accounts import follow_accounts
from tseeder_kit.lifecycle import every


def followers(ctx: Context, accounts: Accounts) -> list[Callable[[], Awaitable[object]]]:
    """The loops, for `supervise`; any number of replicas may run them."""
    rung = asyncio.Event()
    return [partial(_follow, ctx, accounts, rung), partial(_hear, ctx, rung)]


async def _follow(ctx: Context, accounts: Accounts, rung: asyncio.Event) -> None:
    await every(
        ctx.settings.accounts_seconds, partial(follow_accounts, ctx, accounts), wake=rung, name="jobs_follow_accounts"
    )


async def _hear(ctx: Context, rung: asyncio.Event) -> None:
    async with ctx.bus.listen(subjects.AUTH_FEED, max_pending=1) as messages:
        async for _ in messages:
            rung.set()
