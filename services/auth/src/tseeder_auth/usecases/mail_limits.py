"""How asking for mails is slowed down: loudly for whoever asks too often, silently for whom they would go to."""

from datetime import timedelta
from typing import Final

from tseeder_auth.domain import throttle
from tseeder_auth.domain.human_check import Action
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.store import throttles
from tseeder_kit.throttle import Policy, seconds_left, tried
from tseeder_pg import Pool, Tx, transaction

_HOUR: Final = timedelta(hours=1)
_ONE_AN_HOUR: Final = Policy(free_failures=1, first_wait=_HOUR, longest_wait=_HOUR, forget=_HOUR)


async def admit_address(pool: Pool, rules: RegistrationRules, remote_address: str) -> None:
    """Counts one more for where the request comes from.

    Errors: EXHAUSTED `mail_throttled` with `retry_after_seconds`.
    """
    if not remote_address:
        return
    subject = throttle.address_subject(remote_address)
    async with transaction(pool) as tx:
        tally, now = await throttles.lock_tally(tx, "mail_address", subject)
        await throttles.save_tally(tx, "mail_address", subject, throttle.admit_mail(rules.mail_address, tally, now))


async def may_mail(tx: Tx, rules: RegistrationRules, action: Action, email_key: str) -> bool:
    """Counts one more mail to an address, whether it has an account or not; False: one too many, and nobody is told.

    Each for its own purpose: who has registered a stranger's address too often must not keep his reset from him.
    """
    return await _may(tx, rules.mail_account, throttle.mail_subject(action, email_key))


async def may_tell_owner(tx: Tx, email_key: str) -> bool:
    """The same for telling an account's owner that somebody registers with his address: once an hour."""
    return await _may(tx, _ONE_AN_HOUR, throttle.account_subject(f"registered already: {email_key}"))


async def _may(tx: Tx, policy: Policy, subject: bytes) -> bool:
    tally, now = await throttles.lock_tally(tx, "mail_account", subject)
    if seconds_left(tally, now):
        return False
    await throttles.save_tally(tx, "mail_account", subject, tried(policy, tally, now))
    return True
