"""An account that somebody makes for himself."""

from dataclasses import dataclass

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.human_check import HumanCheck
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.domain.roles import Role
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mail_tokens, mails, security_events, users
from tseeder_auth.store.users import Credentials
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.mail_limits import admit_address, may_mail, may_tell_owner
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody filled in."""

    email: str
    password: str
    accepted_terms_version: str
    human_check_token: str
    client: Client


async def register(
    pool: Pool, hasher: Argon2Pool, rules: RegistrationRules, check: HumanCheck, wanted: Registration
) -> None:
    """Makes an account that is good once its address is confirmed, and mails how to; all that follows from what there
    is behind the address goes there by mail. Whether there is an account shows neither in the answer nor in its time:
    the password is hashed first, and in each case there is one mail and one event to write.

    An address that is registered and not confirmed is registered anew: the password of before is replaced, and mails
    of before open nothing, so that no stranger who was first keeps a password. Who confirms does so for the last
    registration; the mail says that.

    Errors: FORBIDDEN `registration_closed`; INVALID `terms_not_accepted`, `human_check_failed`, or for the address or
    the password; EXHAUSTED `mail_throttled`; UNAVAILABLE `human_check_unavailable`, `auth_busy`.
    """
    rules.check_open(wanted.accepted_terms_version)
    address, prepared = parse_email(wanted.email), accept_password(wanted.password)
    await admit_address(pool, rules, wanted.client.remote_address)
    await check.check(wanted.human_check_token, "register", wanted.client.remote_address)
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        if await may_mail(tx, rules, address.key):
            await _write(tx, rules, address, password_hash, wanted.client)


async def _write(tx: Tx, rules: RegistrationRules, address: Email, password_hash: str, client: Client) -> None:
    found: Credentials | None = None
    made = None
    while made is None and found is None:  # the one in the way may be deleted between the two statements
        made = await users.insert_user(tx, uuid7(), address, Role.USER, password_hash, verified=False)
        if made is None:
            found = await users.lock_by_email(tx, address.key)
    user = made or (found.user if found else None)
    if user is None:
        raise AssertionError("the loop ends with one of them")
    if user.verified or user.suspended:
        if await may_tell_owner(tx, address.key):
            await mails.enqueue(tx, MailKind.ALREADY_REGISTERED, user.user_id, user.email)
        await security_events.record(tx, EventKind.REGISTERED_AGAIN, user.user_id, client)
        return
    if made is None:
        await users.register_anew(tx, user.user_id, address, password_hash)
        await mail_tokens.use_up(tx, user.user_id, ("verify", "reset"))
        await mails.delete_unsent(tx, user.user_id, MailKind.VERIFY)
    await users.accept_terms(tx, user.user_id, rules.terms_version)
    await mails.enqueue(tx, MailKind.VERIFY, user.user_id, address.shown)
    await security_events.record(tx, EventKind.REGISTERED, user.user_id, client)
