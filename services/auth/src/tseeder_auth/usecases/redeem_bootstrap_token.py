"""The first superadmin."""

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.roles import Role
from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import bootstrap_tokens, users
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.create_user import announce_user
from tseeder_kit.errors import conflict, unauthenticated
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, Tx, transaction


async def redeem_bootstrap_token(pool: Pool, hasher: Argon2Pool, token: str, email: str, password: str) -> User:
    """Makes the first superadmin; of any number of calls at once exactly one wins.

    Errors: INVALID for the address or the password; UNAUTHENTICATED `bootstrap_token_invalid`,
    `bootstrap_token_expired`; CONFLICT `already_bootstrapped`, `email_taken`. The token stays good after all but the
    first success.
    """
    address, prepared = parse_email(email), accept_password(password)
    hashed_token = token_hash(token)
    async with transaction(pool) as tx:
        # Before the hashing: it is not for anybody to make us do that.
        await _check(tx, hashed_token)
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        await bootstrap_tokens.lock_bootstrap(tx)
        await _check(tx, hashed_token)
        await bootstrap_tokens.use_token(tx, hashed_token)
        return await _insert(tx, address, password_hash)


async def _check(tx: Tx, hashed_token: bytes) -> None:
    state = await bootstrap_tokens.token_state(tx, hashed_token)
    if state is None:
        raise unauthenticated("bootstrap_token_invalid", "This is not the bootstrap token.")
    if state == "used" or await users.superadmin_exists(tx):
        raise conflict("already_bootstrapped", "A superadmin exists already.")
    if state == "expired":
        raise unauthenticated("bootstrap_token_expired", "The bootstrap token has expired; make a new one.")


async def _insert(tx: Tx, email: Email, password_hash: str) -> User:
    user = await users.insert_user(tx, uuid7(), email, Role.SUPERADMIN, password_hash, verified=True)
    if user is None:
        raise conflict("email_taken", "There is an account with this e-mail address.")
    await announce_user(tx, user)
    return user
