"""What is over is deleted."""

from datetime import timedelta
from typing import Final

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.store import factors, mail_tokens, oidc_flows, security_events, sessions, throttles, users
from tseeder_pg import Pool, feed, transaction

BATCH: Final = 5_000
UNVERIFIED_FOR: Final = timedelta(days=7)


async def purge_expired(pool: Pool, rules: LoginRules, registration: RegistrationRules) -> None:
    """Deletes ended sessions, forgotten tallies, unfinished enrolments and sign-ins, mails' tokens, registrations that
    nobody has confirmed for a week, old security events, and events of the feed that every reader has acknowledged."""
    counted, asked = (
        (rules.account, rules.address, rules.factor),
        (registration.mail_account, registration.mail_address),
    )
    async with transaction(pool) as tx:
        await sessions.purge_sessions(tx, rules.session_idle, BATCH)
    async with transaction(pool) as tx:
        forget, forget_mails = (max(policy.forget for policy in each) for each in (counted, asked))
        await throttles.purge_tallies(tx, forget, forget_mails, BATCH)
    async with transaction(pool) as tx:
        await factors.purge_enrolments(tx, rules.enrolment, BATCH)
        await factors.purge_challenges(tx, BATCH)
    async with transaction(pool) as tx:
        await oidc_flows.purge_flows(tx, BATCH)
    async with transaction(pool) as tx:
        await mail_tokens.purge_tokens(tx, BATCH)
    async with transaction(pool) as tx:
        await users.purge_unverified(tx, UNVERIFIED_FOR, BATCH)
    async with transaction(pool) as tx:
        await security_events.purge_events(tx, rules.events_kept, BATCH)
    await feed.trim(pool)
