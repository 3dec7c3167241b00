"""An account that somebody makes for himself."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain.accounts import Client, User
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.human_check import HumanCheck
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mails, pending_registrations, security_events, users
from tseeder_auth.store.pending_registrations import NewPending
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.ask_for_mail import pending_of_mailbox
from tseeder_auth.usecases.mail_limits import admit_address, may_mail, may_tell_owner
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction

WAITS_FOR: Final = timedelta(days=7)
MOST_WAITING: Final = 5  # for one mailbox


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody filled in."""

    email: str
    password: str
    accepted_terms_version: str
    human_check_token: str
    client: Client


async def register(
    pool: Pool,
    hasher: Argon2Pool,
    sealer: Sealer,
    rules: RegistrationRules,
    check: HumanCheck,
    wanted: Registration,
) -> None:
    """Keeps what becomes an account once its address is confirmed, and mails how to; all that follows from what there
    is behind the address goes there by mail. Whether there is an account shows neither in the answer nor in its time,
    nor at a sign-in with what was registered: the password is hashed first, and in each case there is a registration
    that waits, a mail and an event to write.

    Each registration of an address waits for itself, so that nobody replaces another's password. Where there are
    several, who confirms has to give the one that he wants.

    Errors: FORBIDDEN `registration_closed`; INVALID `terms_not_accepted`, `human_check_failed`, or for the address or
    the password; EXHAUSTED `mail_throttled`; UNAVAILABLE `human_check_unavailable`, `auth_busy`.
    """
    rules.check_open(wanted.accepted_terms_version)
    address, prepared = parse_email(wanted.email), accept_password(wanted.password)
    await admit_address(pool, rules, wanted.client.remote_address)
    await check.check(wanted.human_check_token, "register", wanted.client.remote_address)
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    fingerprint = sealer.fingerprints(prepared, address.key)[0]
    async with transaction(pool) as tx:
        mailed = await may_mail(tx, rules, "register", address.key)
        await pending_registrations.lock_address(tx, address.key)
        owner = await _owner(tx, address.key)
        await pending_registrations.contest_others(tx, address.key, fingerprint)
        new = NewPending(uuid7(), address, password_hash, fingerprint, rules.terms_version, taken=owner is not None)
        # Without a mail, too: or a stranger who had all of them sent would be the only one that a token confirms.
        pending_id = await _keep(tx, new)
        if mailed:
            await _mail(tx, address, owner, pending_id, wanted.client)


async def _keep(tx: Tx, new: NewPending) -> UUID:
    """What a mail is about: this registration, or, where its mailbox has as many as may wait, the newest of those. They
    stay, so that no stranger pushes an owner's out; a mailbox of another spelling has places of its own."""
    waiting = await pending_of_mailbox(tx, new.email)
    if len(waiting) >= MOST_WAITING and not await pending_registrations.waits(tx, new.email.key, [new.fingerprint]):
        return waiting[0].pending_id
    return await pending_registrations.insert_pending(tx, new, WAITS_FOR)


async def _owner(tx: Tx, email_key: str) -> User | None:
    """Whose address it is, not deleted until the transaction ends."""
    found = await users.find_credentials(tx, email_key)
    if found is None or not (found.user.verified or found.user.suspended):
        return None
    return found.user if await users.hold(tx, found.user.user_id) else None


async def _mail(tx: Tx, address: Email, owner: User | None, pending_id: UUID, client: Client) -> None:
    if owner is None:
        await mails.enqueue(tx, MailKind.VERIFY, None, address.shown, pending_id=pending_id)
        await security_events.record(tx, EventKind.REGISTERED, None, client)
        return
    if await may_tell_owner(tx, address.key):
        await mails.enqueue(tx, MailKind.ALREADY_REGISTERED, owner.user_id, owner.email)
    await security_events.record(tx, EventKind.REGISTERED_AGAIN, owner.user_id, client)
