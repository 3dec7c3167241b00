"""A new account, made by an admin."""

from dataclasses import dataclass
from uuid import UUID

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.emails import Email, parse_email
from tseeder_auth.domain.roles import Caller, Role
from tseeder_auth.store import users
from tseeder_auth.usecases.accept_password import accept_password
from tseeder_kit.errors import conflict, forbidden
from tseeder_pg import Pool, Tx, feed, transaction


@dataclass(frozen=True, slots=True)
class NewUser:
    """The account that is wanted; its id is the caller's choice, so that a retry makes one user."""

    user_id: UUID
    email: str
    password: str
    role: Role


async def create_user(pool: Pool, hasher: Argon2Pool, caller: Caller, new: NewUser) -> User:
    """Makes a user; repeated with the same id, address and role it answers the one that was made.

    Errors: FORBIDDEN `scope_missing`, `role_too_low`, `role_escalation`; INVALID for the address or the password;
    CONFLICT `email_taken`, `user_id_taken`.
    """
    caller.require("admin:write")
    caller.require_role(Role.ADMIN)
    if new.role.rank > caller.role.rank:
        raise forbidden("role_escalation", "Nobody can give a role above his own.")
    address, prepared = parse_email(new.email), accept_password(new.password)
    async with transaction(pool) as tx:
        existing = await _same_user(tx, new.user_id, address, new.role)
    if existing is not None:
        return existing
    with hasher.place():
        password_hash = await hasher.hash(prepared)
    async with transaction(pool) as tx:
        user = await users.insert_user(tx, new.user_id, address, new.role, password_hash, verified=True)
        if user is not None:
            await announce_user(tx, user)
            return user
        existing = await _same_user(tx, new.user_id, address, new.role)
    if existing is None:
        raise conflict("email_taken", "There is an account with this e-mail address.")
    return existing


async def announce_user(tx: Tx, user: User) -> None:
    """The event; without the address, since readers that need it can ask."""
    await feed.append(tx, "user.created", user.user_id, {"role": str(user.role)})


async def _same_user(tx: Tx, user_id: UUID, email: Email, role: Role) -> User | None:
    """The user that an earlier try made with this id, or None; raises `user_id_taken` if it is not the same."""
    found = await users.find_user_and_key(tx, user_id)
    if found is None:
        return None
    user, email_key = found
    if (email_key, user.role) != (email.key, role):
        raise conflict("user_id_taken", "There is another account with this id.")
    return user
