"""Accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.emails import Email
from tseeder_auth.domain.roles import Role
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with what proves him."""

    user: User
    password_hash: str


INSERT_USER: Final[str] = """
INSERT INTO users (user_id, email, email_key, role, password_hash)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING user_id, email, role, created_at, suspended_at
"""


async def insert_user(tx: Tx, user_id: UUID, email: Email, role: Role, password_hash: str) -> User | None:
    """The new user, or None if the id or the address is taken (by whoever commits first)."""
    row = await tx.fetchrow(INSERT_USER, user_id, email.shown, email.key, str(role), password_hash)
    return None if row is None else _user(row)


USER_BY_ID: Final[str] = """
SELECT user_id, email, email_key, role, created_at, suspended_at FROM users WHERE user_id = $1
"""


async def find_user(tx: Tx, user_id: UUID) -> User | None:
    """The user with this id."""
    row = await tx.fetchrow(USER_BY_ID, user_id)
    return None if row is None else _user(row)


async def find_user_and_key(tx: Tx, user_id: UUID) -> tuple[User, str] | None:
    """The user with this id, and the key of his address."""
    row = await tx.fetchrow(USER_BY_ID, user_id)
    return None if row is None else (_user(row), row["email_key"])


CREDENTIALS_BY_EMAIL: Final[str] = """
SELECT user_id, email, role, created_at, suspended_at, password_hash FROM users WHERE email_key = $1
"""


async def find_credentials(tx: Tx, email_key: str) -> Credentials | None:
    """Who has this address, and his password's hash."""
    row = await tx.fetchrow(CREDENTIALS_BY_EMAIL, email_key)
    return None if row is None else Credentials(_user(row), row["password_hash"])


LOCK_CREDENTIALS: Final[str] = """
SELECT user_id, email, role, created_at, suspended_at, password_hash FROM users WHERE user_id = $1 FOR NO KEY UPDATE
"""


async def lock_credentials(tx: Tx, user_id: UUID) -> Credentials | None:
    """The same by id, locked until the transaction ends: password, role and suspension stay as they are."""
    row = await tx.fetchrow(LOCK_CREDENTIALS, user_id)
    return None if row is None else Credentials(_user(row), row["password_hash"])


SET_HASH: Final[str] = """
UPDATE users SET password_hash = $2, updated_at = clock_timestamp() WHERE user_id = $1
"""


async def set_password_hash(tx: Tx, user_id: UUID, password_hash: str) -> None:
    """The same password under other parameters."""
    await tx.execute(SET_HASH, user_id, password_hash)


SUPERADMIN_EXISTS: Final[str] = "SELECT EXISTS (SELECT FROM users WHERE role = 'superadmin')"


async def superadmin_exists(tx: Tx) -> bool:
    """Whether there is one, suspended ones included."""
    exists: bool = await tx.fetchval(SUPERADMIN_EXISTS)
    return exists


LIST_USERS: Final[str] = """
SELECT user_id, email, role, created_at, suspended_at FROM users
WHERE ($1 = '' OR strpos(email_key, $1) > 0)
  AND ($2::timestamptz IS NULL OR (created_at, user_id) < ($2, $3))
ORDER BY created_at DESC, user_id DESC
LIMIT $4
"""


async def list_users(tx: Tx, text: str, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[User]:
    """Newest first, after the position of the last one shown; `text` is part of the address's key."""
    created_at, user_id = after or (None, None)
    return [_user(row) for row in await tx.fetch(LIST_USERS, text, created_at, user_id, limit)]


USERS_BY_IDS: Final[str] = """
SELECT user_id, email, role, created_at, suspended_at FROM users WHERE user_id = ANY ($1::uuid[])
"""


async def find_users(tx: Tx, user_ids: Sequence[UUID]) -> Sequence[User]:
    """Those of these users that there are, in no order."""
    return [_user(row) for row in await tx.fetch(USERS_BY_IDS, list(user_ids))]


def _user(row: Record) -> User:
    return User(
        row["user_id"], row["email"], Role(row["role"]), row["created_at"], suspended=row["suspended_at"] is not None
    )
