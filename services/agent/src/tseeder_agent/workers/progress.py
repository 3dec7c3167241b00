"""Publishes progress every `progress_seconds`."""

from __future__ import annotations

from functools import partial
from typing import NoReturn

from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.publish_progress import publish_progress
from tseeder_kit.lifecycle import every


async def progress(ctx: Context) -> NoReturn:
    """For ever."""
    await every(ctx.settings.progress_seconds, partial(publish_progress, ctx), jitter=0.0, name="progress")
