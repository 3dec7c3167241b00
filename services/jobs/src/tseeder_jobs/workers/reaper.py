"""Takes leases back that were not renewed."""

from __future__ import annotations

from functools import partial
from typing import Final

from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.reap_leases import reap_leases
from tseeder_kit.lifecycle import every

LONGEST_SECONDS: Final = 1.0
LEASE_SHARE: Final = 10.0
"""A lease that is shorter than ten seconds is looked at ten times in its life."""


async def reaper(ctx: Context) -> None:
    """Runs for ever; any number of replicas may."""
    seconds = min(LONGEST_SECONDS, ctx.settings.lease_seconds / LEASE_SHARE)
    await every(seconds, partial(reap_leases, ctx), name="jobs_reaper")
