"""Showing that a mail address is one's own: what was registered becomes an account."""

from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.oidc import is_same_address
from tseeder_auth.domain.passwords import prepare_password
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import pending_registrations, security_events, users
from tseeder_auth.store.pending_registrations import Pending
from tseeder_auth.usecases.create_user import announce_user
from tseeder_auth.usecases.redeem_mail_token import token_invalid
from tseeder_kit.errors import AppError, FieldError, invalid
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction


async def verify_email(pool: Pool, sealer: Sealer, token: str, password: str, client: Client) -> None:
    """Makes the account, with the password that was registered; nobody is signed in by this.

    The token proves the mailbox. Where that was registered with several passwords, a stranger's may be among them, and
    whoever confirms says which one is his; "" otherwise.

    Errors: INVALID `token_invalid`, `password_needed`, `password_too_long`.
    """
    hashed, prepared = token_hash(token), prepare_password(password)
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
        if found.contested:
            found = await _own(tx, address, sealer.fingerprints(prepared, address.key) if password else ())
        await _make(tx, found, address, client)


async def _own(tx: Tx, address: Email, fingerprints: tuple[bytes, ...]) -> Pending:
    for each in await pending_registrations.list_pending(tx, address.key, fingerprints):
        if is_same_address(each.email, address):
            return each
    raise _password_needed()


async def _make(tx: Tx, pending: Pending, address: Email, client: Client) -> None:
    """Other services hear of an account when it is good, and not before."""
    await users.delete_unverified(tx, address.key)
    user_id = uuid7()
    made = await pending_registrations.make_user(tx, pending.pending_id, user_id)
    user = await users.find_user(tx, user_id) if made else None
    if user is None:
        raise token_invalid()  # the address has an account by now
    await pending_registrations.close_address(tx, address.key, pending.pending_id)
    await security_events.record(tx, EventKind.VERIFIED, user_id, client)
    await announce_user(tx, user)


def _password_needed() -> AppError:
    message = "This address was registered with several passwords: say which one you chose."
    return invalid("password_needed", message, fields=[FieldError("password", "password_needed", message)])
