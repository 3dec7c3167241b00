"""What is over is deleted."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.store import factors, mail_tokens, oidc_flows, security_events, sessions, throttles, users
from tseeder_pg import Pool, Tx, feed, transaction

Purge: TypeAlias = Callable[[Tx], Awaitable[int]]
"""Deletes at most `BATCH` rows; how many."""

BATCH: Final = 5_000
UNVERIFIED_FOR: Final = timedelta(days=7)


async def purge_expired(pool: Pool, rules: LoginRules, registration: RegistrationRules) -> None:
    """Deletes ended sessions, forgotten tallies, unfinished enrolments and sign-ins, mails' tokens, registrations that
    nobody has confirmed for a week, old security events, and events of the feed that every reader has acknowledged.

    All that there is of each, in batches of a transaction each: anybody may begin sign-ins, faster than one batch per
    sweep would go.
    """
    forget = max(policy.forget for policy in (rules.account, rules.address, rules.factor))
    forget_mails = max(policy.forget for policy in (registration.mail_account, registration.mail_address))
    purges: tuple[Purge, ...] = (
        lambda tx: sessions.purge_sessions(tx, rules.session_idle, BATCH),
        lambda tx: throttles.purge_tallies(tx, forget, forget_mails, BATCH),
        lambda tx: factors.purge_enrolments(tx, rules.enrolment, BATCH),
        lambda tx: factors.purge_challenges(tx, BATCH),
        lambda tx: oidc_flows.purge_flows(tx, BATCH),
        lambda tx: mail_tokens.purge_tokens(tx, BATCH),
        lambda tx: users.purge_unverified(tx, UNVERIFIED_FOR, BATCH),
        lambda tx: security_events.purge_events(tx, rules.events_kept, BATCH),
    )
    for purge in purges:
        await _all(pool, purge)
    while await feed.trim(pool) >= feed.TRIM_BATCH:
        pass


async def _all(pool: Pool, purge: Purge) -> None:
    """Until a batch comes back short; what others hold is left to the next sweep."""
    deleted = BATCH
    while deleted >= BATCH:
        async with transaction(pool) as tx:
            deleted = await purge(tx)
