"""What a token from a mail opens: once, in time, and for the address that it was sent to."""

from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.mails import Purpose
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.store import mail_tokens, security_events, users
from tseeder_auth.store.users import Credentials
from tseeder_auth.usecases.create_user import announce_user
from tseeder_kit.errors import AppError, invalid
from tseeder_pg import Tx


async def redeem(tx: Tx, token_hash: bytes, purpose: Purpose) -> Credentials:
    """Whose token it is, locked; all of his tokens for this are used up. Raises INVALID `token_invalid`."""
    user_id = await mail_tokens.owner_of(tx, token_hash, purpose)
    owner = None if user_id is None else await users.lock_credentials(tx, user_id)
    # Once more under the lock: another call with the same token may have been first.
    if owner is None or await mail_tokens.owner_of(tx, token_hash, purpose) is None:
        raise token_invalid()
    await mail_tokens.use_up(tx, owner.user.user_id, (purpose,))
    return owner


async def mark_verified(tx: Tx, owner: Credentials, client: Client) -> None:
    """His mailbox was proven. Other services hear of an account when it is good, and not before."""
    if owner.user.verified:
        return
    await users.set_verified(tx, owner.user.user_id)
    await security_events.record(tx, EventKind.VERIFIED, owner.user.user_id, client)
    await announce_user(tx, owner.user)


def token_invalid() -> AppError:
    """One answer for unknown, used and expired."""
    return invalid("token_invalid", "This token was used, has expired, or never was one; ask for another mail.")
