"""Give a lease back, so that somebody else goes on from what S3 holds."""

from __future__ import annotations

import asyncio
from functools import partial

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.insist import insist
from tseeder_agent.usecases.run import HandOver, LeaseLapsed, LeaseLost, Run
from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger

WANTED_CHANGED = "wanted_changed"
_log = get_logger(__name__)


async def give_back(ctx: Context, run: Run, hand_over: HandOver) -> str | None:
    """Release, trying for `hand_over_seconds` while jobs is away; after that the lease ends by itself.

    How it ended, in a word; None if it was not given back, since the wish has changed.
    """
    try:
        async with asyncio.timeout(ctx.settings.hand_over_seconds):
            await insist(
                ctx,
                run,
                partial(
                    ctx.jobs.release,
                    run.lease,
                    reason=hand_over.problem,
                    wanted_version=hand_over.wanted_version,
                    not_before_seconds=hand_over.not_before_seconds,
                    spends_attempt=run.spends(hand_over),
                ),
            )
    except (LeaseLost, LeaseLapsed):
        return "lost"
    except TimeoutError:
        _log.warning("release_not_answered")
        return "left"
    except AppError as exc:
        if exc.code == WANTED_CHANGED:
            return None
        _log.warning("release_refused", code=exc.code)
        return "left"
    return f"released: {hand_over.problem.code}"
