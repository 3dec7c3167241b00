"""What is over is deleted."""

from typing import Final

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.store import sessions, throttles
from tseeder_pg import Pool, feed, transaction

BATCH: Final = 5_000


async def purge_expired(pool: Pool, rules: LoginRules) -> None:
    """Deletes ended sessions, forgotten login tallies, and events that every reader has acknowledged."""
    async with transaction(pool) as tx:
        await sessions.purge_sessions(tx, rules.session_idle, BATCH)
    async with transaction(pool) as tx:
        await throttles.purge_tallies(tx, max(rules.account.forget, rules.address.forget), BATCH)
    await feed.trim(pool)
