"""What is over is deleted."""

from typing import Final

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.store import oidc_flows, sessions, throttles
from tseeder_pg import Pool, feed, transaction

BATCH: Final = 5_000


async def purge_expired(pool: Pool, rules: LoginRules) -> None:
    """Deletes ended sessions, sign-ins that nobody finished, forgotten login tallies, and events that every reader has
    acknowledged."""
    async with transaction(pool) as tx:
        await sessions.purge_sessions(tx, rules.session_idle, BATCH)
    async with transaction(pool) as tx:
        await oidc_flows.purge_flows(tx, BATCH)
    async with transaction(pool) as tx:
        await throttles.purge_tallies(tx, max(rules.account.forget, rules.address.forget), BATCH)
    await feed.trim(pool)
