"""Showing that a mail address is one's own: what was registered becomes an account."""

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import pending_registrations, security_events, users
from tseeder_auth.store.pending_registrations import Pending
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.create_user import announce_user
from tseeder_auth.usecases.redeem_mail_token import token_invalid
from tseeder_kit.errors import AppError, FieldError, invalid
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction


async def verify_email(pool: Pool, hasher: Argon2Pool, token: str, password: str, client: Client) -> None:
    """Makes the account; nobody is signed in by this. Its password is the one that was registered, or `password`, if it
    is given: the token proves the mailbox, and whoever has it may choose.

    Where the address was registered with several passwords, a stranger's may be among them: there it has to be given.

    Errors: INVALID `token_invalid`, `password_needed`, or for the password; UNAVAILABLE `auth_busy`.
    """
    hashed = token_hash(token)
    async with transaction(pool, readonly=True) as tx:
        # Before the hashing: it is not for anybody to make us do that.
        if await pending_registrations.pending_of(tx, hashed) is None:
            raise token_invalid()
    chosen = await _hashed(hasher, password) if password else None
    async with transaction(pool) as tx:
        found = await pending_registrations.pending_of(tx, hashed)
        if found is None:
            raise token_invalid()
        address = parse_email(found.email)
        await pending_registrations.lock_address(tx, address.key)
        # Once more under the lock: another token of the address may have been first.
        found = await pending_registrations.pending_of(tx, hashed)
        if found is None:
            raise token_invalid()
        if found.contested and chosen is None:
            raise _password_needed()
        await _make(tx, found, address, client, chosen)


async def _hashed(hasher: Argon2Pool, password: str) -> str:
    prepared = accept_password(password)
    with hasher.place():
        return await hasher.hash(prepared)


async def _make(tx: Tx, pending: Pending, address: Email, client: Client, chosen: str | None) -> None:
    """Other services hear of an account when it is good, and not before."""
    await users.delete_unverified(tx, address.key)
    user_id = uuid7()
    made = await pending_registrations.make_user(tx, pending.pending_id, user_id)
    user = await users.find_user(tx, user_id) if made else None
    if user is None:
        raise token_invalid()  # the address has an account by now
    if chosen is None:
        await pending_registrations.close_address(tx, address.key, pending.pending_id)
    else:
        # It may have been a stranger's registration, and stays as all others do.
        await pending_registrations.choose_password(tx, address.key, chosen)
        await pending_registrations.close_address(tx, address.key, None)
    await security_events.record(tx, EventKind.VERIFIED, user_id, client)
    await announce_user(tx, user)


def _password_needed() -> AppError:
    message = "This address was registered with several passwords: give the one that the account is to have."
    return invalid("password_needed", message, fields=[FieldError("password", "password_needed", message)])
