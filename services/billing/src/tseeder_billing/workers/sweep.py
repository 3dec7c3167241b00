"""Forgets deleted accounts, now and then."""

from functools import partial

from tseeder_billing.adapters.accounts import Accounts
from tseeder_billing.usecases.forget_deleted import forget_deleted
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool


async def sweep(pool: Pool, accounts: Accounts, seconds: float) -> None:
    """Runs for ever; any number of replicas may."""
    await every(seconds, partial(forget_deleted, pool, accounts), name="billing_sweep")
