"""What asking for a mail with a token has in common, whatever the token is for."""

from collections.abc import Sequence
from dataclasses import dataclass

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.human_check import Action, HumanCheck
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.oidc import is_same_address
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mails, pending_registrations, security_events, users
from tseeder_auth.store.pending_registrations import Pending
from tseeder_auth.usecases.mail_limits import admit_address, may_mail
from tseeder_pg import Pool, Tx, transaction


@dataclass(frozen=True, slots=True)
class MailRequest:
    """Who asks, and for which address."""

    email: str
    human_check_token: str
    client: Client


async def ask_for_mail(
    pool: Pool,
    rules: RegistrationRules,
    check: HumanCheck,
    wanted: MailRequest,
    *,
    action: Action,
    kind: MailKind,
    event: EventKind | None = None,
) -> None:
    """Writes the mail down, for an address without an account too: who sends it finds out, and drops that one. So the
    statements are the same for both, and so is their time.

    Errors: INVALID `bad_email`, `human_check_failed`; EXHAUSTED `mail_throttled`; UNAVAILABLE
    `human_check_unavailable`.
    """
    address = parse_email(wanted.email)
    await admit_address(pool, rules, wanted.client.remote_address)
    await check.check(wanted.human_check_token, action, wanted.client.remote_address)
    async with transaction(pool) as tx:
        if await may_mail(tx, rules, action, address.key):
            if kind is MailKind.VERIFY:
                await pending_registrations.lock_address(tx, address.key)
            user_id = await users.hold_by_email(tx, address.key)
            waiting = await pending_of_mailbox(tx, address) if kind is MailKind.VERIFY else ()
            pending_id = waiting[0].pending_id if waiting else None
            await mails.enqueue(tx, kind, user_id, address.shown, pending_id=pending_id)
            if event is not None:
                await security_events.record(tx, event, user_id, wanted.client)


async def pending_of_mailbox(tx: Tx, address: Email) -> Sequence[Pending]:
    """What waits for this mailbox, the newest first: a twin of the address is another's."""
    waiting = await pending_registrations.list_pending(tx, address.key)
    return [each for each in waiting if is_same_address(each.email, address)]
