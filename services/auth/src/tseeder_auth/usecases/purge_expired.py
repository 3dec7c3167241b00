"""What is over is deleted."""

from datetime import timedelta
from typing import Final

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.store import mail_tokens, sessions, throttles, users
from tseeder_pg import Pool, feed, transaction

BATCH: Final = 5_000
UNVERIFIED_FOR: Final = timedelta(days=7)


async def purge_expired(pool: Pool, rules: LoginRules, registration: RegistrationRules) -> None:
    """Deletes ended sessions, forgotten tallies, tokens of mails, registrations that nobody has confirmed for a week,
    and events that every reader has acknowledged."""
    logins, asked = (rules.account, rules.address), (registration.mail_account, registration.mail_address)
    async with transaction(pool) as tx:
        await sessions.purge_sessions(tx, rules.session_idle, BATCH)
    async with transaction(pool) as tx:
        forget, forget_mails = (max(policy.forget for policy in each) for each in (logins, asked))
        await throttles.purge_tallies(tx, forget, forget_mails, BATCH)
    async with transaction(pool) as tx:
        await mail_tokens.purge_tokens(tx, BATCH)
    async with transaction(pool) as tx:
        await users.purge_unverified(tx, UNVERIFIED_FOR, BATCH)
    await feed.trim(pool)
