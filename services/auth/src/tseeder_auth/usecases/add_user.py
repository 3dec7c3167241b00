"""An ordinary account, made by whoever can run a command beside the database: as the demo makes its own."""

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.emails import parse_email
from tseeder_auth.domain.roles import Role
from tseeder_auth.store import users
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_auth.usecases.create_user import announce_user
from tseeder_kit.errors import conflict
from tseeder_kit.ids import uuid7
from tseeder_pg import Pool, transaction


async def add_user(pool: Pool, hasher: Argon2Pool, email: str, password: str) -> User:
    """Makes a user of the lowest role. The first admin is for the bootstrap token, and stays to be made.

    Errors: INVALID for the address or the password; CONFLICT `email_taken`.
    """
    address, prepared = parse_email(email), accept_password(password)
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        user = await users.insert_user(tx, uuid7(), address, Role.USER, password_hash, verified=True)
        if user is None:
            raise conflict("email_taken", "There is an account with this e-mail address.")
        await announce_user(tx, user)
        return user
