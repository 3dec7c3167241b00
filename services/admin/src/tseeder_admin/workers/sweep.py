"""Settles what a crash left open, now and then."""

from datetime import timedelta
from functools import partial

from tseeder_admin.usecases.settle_left import settle_left
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool


async def sweep(pool: Pool, older_than: timedelta, seconds: float) -> None:
    """Runs for ever; any number of replicas may."""
    await every(seconds, partial(settle_left, pool, older_than), name="admin_sweep")
