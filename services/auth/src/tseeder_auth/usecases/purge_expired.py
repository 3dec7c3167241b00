"""What is over is deleted."""

from typing import Final

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.store import factors, security_events, sessions, throttles
from tseeder_pg import Pool, feed, transaction

BATCH: Final = 5_000


async def purge_expired(pool: Pool, rules: LoginRules) -> None:
    """Deletes ended sessions, forgotten login tallies, unfinished enrolments and sign-ins, old security events, and
    events of the feed that every reader has acknowledged."""
    async with transaction(pool) as tx:
        await sessions.purge_sessions(tx, rules.session_idle, BATCH)
    async with transaction(pool) as tx:
        await throttles.purge_tallies(tx, max(rules.account.forget, rules.address.forget, rules.factor.forget), BATCH)
    async with transaction(pool) as tx:
        await factors.purge_enrolments(tx, rules.enrolment, BATCH)
        await factors.purge_challenges(tx, BATCH)
    async with transaction(pool) as tx:
        await security_events.purge_events(tx, rules.events_kept, BATCH)
    await feed.trim(pool)
