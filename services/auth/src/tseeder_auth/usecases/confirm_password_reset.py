"""The second half of another password for who has forgotten his."""

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import Client
from tseeder_auth.domain.mails import MailKind
from tseeder_auth.domain.security_events import EventKind
from tseeder_auth.domain.throttle import account_subject
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import mail_tokens, mails, security_events, throttles, users
from tseeder_auth.store.users import Credentials
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.redeem_mail_token import mark_verified, redeem, token_invalid
from tseeder_auth.usecases.session_ends import end_sessions_of
from tseeder_pg import Pool, Tx, feed, transaction


async def confirm_password_reset(pool: Pool, hasher: Argon2Pool, token: str, new_password: str, client: Client) -> None:
    """Sets the password and ends every session. Nobody is signed in; a second factor is asked for as before; API keys
    stay. The mailbox is proven by this, so an address that was not confirmed is.

    Errors: INVALID `token_invalid`, or for the password; UNAVAILABLE `auth_busy`.
    """
    prepared, hashed_token = accept_password(new_password), token_hash(token)
    async with transaction(pool, readonly=True) as tx:
        # Before the hashing: it is not for anybody to make us do that.
        if await mail_tokens.owner_of(tx, hashed_token, "reset") is None:
            raise token_invalid()
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        owner = await redeem(tx, hashed_token, "reset")
        await _reset(tx, owner, password_hash, client)


async def _reset(tx: Tx, owner: Credentials, password_hash: str, client: Client) -> None:
    user = owner.user
    await users.set_password_hash(tx, user.user_id, password_hash)
    await mails.delete_unsent(tx, user.user_id, MailKind.RESET)  # or its token would be a fresh one
    await mark_verified(tx, owner, client)
    ended = await end_sessions_of(tx, user.user_id)
    await feed.append(tx, "user.sessions_ended", user.user_id, {"reason": "password_reset"})
    await security_events.record(
        tx, EventKind.PASSWORD_RESET, user.user_id, client, details={"sessions_ended": str(ended)}
    )
    await mails.enqueue(tx, MailKind.PASSWORD_CHANGED, user.user_id, user.email)
    found = await users.find_user_and_key(tx, user.user_id)
    if found is not None:
        # Who guessed at the old password has not tried this one.
        await throttles.delete_tally(tx, "account", account_subject(found[1]))
