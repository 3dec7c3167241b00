"""Deletes what is over, now and then."""

from functools import partial

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.usecases.purge_expired import purge_expired
from tseeder_auth.usecases.purge_registrations import purge_registrations
from tseeder_kit.lifecycle import every
from tseeder_pg import Pool


async def sweep(pool: Pool, rules: LoginRules, registration: RegistrationRules, seconds: float) -> None:
    """Runs for ever; any number of replicas may."""
    await every(seconds, partial(_sweep, pool, rules, registration), name="auth_sweep")


async def _sweep(pool: Pool, rules: LoginRules, registration: RegistrationRules) -> None:
    await purge_registrations(pool)
    await purge_expired(pool, rules, registration)
