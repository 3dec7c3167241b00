"""Accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import AccountState, User
from tseeder_auth.domain.emails import Email
from tseeder_auth.domain.roles import Role
from tseeder_auth.store.rows import rows_of
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with what proves him; `password_hash` is None for who signs in through a provider only."""

    user: User
    password_hash: str | None


def shown() -> str:
    """What a User is made of, for a SELECT; `u` is its row of users."""
    return """u.user_id, u.email, u.role, u.created_at, u.suspended_at, u.verified_at, u.name,
    EXISTS (SELECT FROM totp_factors AS t WHERE t.user_id = u.user_id AND t.confirmed_at IS NOT NULL)
        AS second_factor"""


INSERT_USER: Final = f"""
INSERT INTO users AS u (user_id, email, email_key, role, password_hash, verified_at)
VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN clock_timestamp() END)
ON CONFLICT DO NOTHING
RETURNING {shown()}
"""


async def insert_user(
    tx: Tx, user_id: UUID, email: Email, role: Role, password_hash: str | None, *, verified: bool
) -> User | None:
    """The new user, or None if the id or the address is taken (by whoever commits first).

    `verified_at` is always named: its default is for what the former release inserts.
    """
    row = await tx.fetchrow(INSERT_USER, user_id, email.shown, email.key, str(role), password_hash, verified)
    return None if row is None else user_of(row)


USER_BY_ID: Final = f"""
SELECT {shown()}, u.email_key FROM users AS u WHERE u.user_id = $1
"""


async def find_user(tx: Tx, user_id: UUID) -> User | None:
    """The user with this id."""
    row = await tx.fetchrow(USER_BY_ID, user_id)
    return None if row is None else user_of(row)


async def find_user_and_key(tx: Tx, user_id: UUID) -> tuple[User, str] | None:
    """The user with this id, and the key of his address."""
    row = await tx.fetchrow(USER_BY_ID, user_id)
    return None if row is None else (user_of(row), row["email_key"])


CREDENTIALS_BY_EMAIL: Final = f"""
SELECT {shown()}, u.password_hash FROM users AS u WHERE u.email_key = $1
"""


async def find_credentials(tx: Tx, email_key: str) -> Credentials | None:
    """Who has this address, and his password's hash."""
    row = await tx.fetchrow(CREDENTIALS_BY_EMAIL, email_key)
    return None if row is None else Credentials(user_of(row), row["password_hash"])


CREDENTIALS_BY_ID: Final = f"""
SELECT {shown()}, u.password_hash, u.email_key FROM users AS u WHERE u.user_id = $1
"""


async def find_own_credentials(tx: Tx, user_id: UUID) -> tuple[Credentials, str] | None:
    """The same by id, and the key of the address, which tries are counted by."""
    row = await tx.fetchrow(CREDENTIALS_BY_ID, user_id)
    return None if row is None else (Credentials(user_of(row), row["password_hash"]), row["email_key"])


HOLD_BY_EMAIL: Final[str] = "SELECT user_id FROM users WHERE email_key = $1 FOR KEY SHARE"


async def hold_by_email(tx: Tx, email_key: str) -> UUID | None:
    """The id of who has this address; he is not deleted until the transaction ends."""
    user_id: UUID | None = await tx.fetchval(HOLD_BY_EMAIL, email_key)
    return user_id


HOLD_BY_ID: Final[str] = "SELECT user_id FROM users WHERE user_id = $1 FOR KEY SHARE"


async def hold(tx: Tx, user_id: UUID) -> bool:
    """Whether he is there; he is not deleted until the transaction ends."""
    return await tx.fetchval(HOLD_BY_ID, user_id) is not None


LOCK_CREDENTIALS: Final = f"""
SELECT {shown()}, u.password_hash FROM users AS u WHERE u.user_id = $1 FOR NO KEY UPDATE OF u
"""


async def lock_credentials(tx: Tx, user_id: UUID) -> Credentials | None:
    """The same by id, locked until the transaction ends: password, role and suspension stay as they are."""
    row = await tx.fetchrow(LOCK_CREDENTIALS, user_id)
    return None if row is None else Credentials(user_of(row), row["password_hash"])


SET_HASH: Final[str] = """
UPDATE users SET password_hash = $2, updated_at = clock_timestamp() WHERE user_id = $1
"""


async def set_password_hash(tx: Tx, user_id: UUID, password_hash: str) -> None:
    """Another password, or the same one under other parameters."""
    await tx.execute(SET_HASH, user_id, password_hash)


SET_NAME: Final = f"""
UPDATE users AS u SET name = $2, updated_at = clock_timestamp() WHERE u.user_id = $1
RETURNING {shown()}
"""


async def set_name(tx: Tx, user_id: UUID, name: str | None) -> User | None:
    """The user as he is called from now on; None if he is gone."""
    row = await tx.fetchrow(SET_NAME, user_id, name)
    return None if row is None else user_of(row)


ACCEPT_TERMS: Final[str] = """
UPDATE users SET terms_version = $2, terms_accepted_at = clock_timestamp() WHERE user_id = $1
"""


async def accept_terms(tx: Tx, user_id: UUID, version: str) -> None:
    """The user has accepted these terms, now."""
    await tx.execute(ACCEPT_TERMS, user_id, version)


SET_VERIFIED: Final[str] = """
UPDATE users SET verified_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE user_id = $1 AND verified_at IS NULL
"""


async def set_verified(tx: Tx, user_id: UUID) -> None:
    """The address was shown to be the user's own."""
    await tx.execute(SET_VERIFIED, user_id)


DELETE_UNVERIFIED: Final[str] = """
DELETE FROM users WHERE email_key = $1 AND verified_at IS NULL AND suspended_at IS NULL AND role = 'user'
"""


async def delete_unverified(tx: Tx, email_key: str) -> None:
    """Takes an account out of the way that nobody has ever confirmed: nothing hangs on it, and it is nobody's."""
    await tx.execute(DELETE_UNVERIFIED, email_key)


PURGE_UNVERIFIED: Final[str] = """
DELETE FROM users WHERE user_id IN (
    SELECT user_id FROM users
    WHERE verified_at IS NULL AND updated_at < clock_timestamp() - $1::interval
      AND role = 'user' AND suspended_at IS NULL
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_unverified(tx: Tx, age: timedelta, batch: int) -> int:
    """Deletes at most `batch` registrations that nobody has confirmed for so long; how many. Nothing hangs on them
    yet, and no other service was told of them. What an operator has done something to is his to look at, and stays.
    """
    return rows_of(await tx.execute(PURGE_UNVERIFIED, age, batch))


SUPERADMIN_EXISTS: Final[str] = "SELECT EXISTS (SELECT FROM users WHERE role = 'superadmin')"


async def superadmin_exists(tx: Tx) -> bool:
    """Whether there is one, suspended ones included."""
    exists: bool = await tx.fetchval(SUPERADMIN_EXISTS)
    return exists


LOCK_SUPERADMINS: Final[str] = "SELECT pg_advisory_xact_lock(hashtextextended('tseeder.auth.superadmins', 0))"
OTHER_SUPERADMIN: Final[str] = """
SELECT EXISTS (
    SELECT FROM users
    WHERE role = 'superadmin' AND suspended_at IS NULL AND verified_at IS NOT NULL AND user_id <> $1
)
"""


async def is_last_superadmin(tx: Tx, user_id: UUID) -> bool:
    """Whether no other superadmin can act. Until the transaction ends nobody else asks this, so that of two who would
    go at once one stays. The user's own row is locked already: rows come before this lock.
    """
    await tx.execute(LOCK_SUPERADMINS)
    # A statement of its own: it sees what the former holder committed.
    return not await tx.fetchval(OTHER_SUPERADMIN, user_id)


SET_ROLE: Final[str] = "UPDATE users SET role = $2, updated_at = clock_timestamp() WHERE user_id = $1"


async def set_role(tx: Tx, user_id: UUID, role: Role) -> None:
    """His keys follow it by themselves."""
    await tx.execute(SET_ROLE, user_id, str(role))


SET_SUSPENDED: Final[str] = """
UPDATE users SET suspended_at = CASE WHEN $2 THEN clock_timestamp() END, updated_at = clock_timestamp()
WHERE user_id = $1
"""


async def set_suspended(tx: Tx, user_id: UUID, *, suspended: bool) -> None:
    """His keys open nothing while he is."""
    await tx.execute(SET_SUSPENDED, user_id, suspended)


LOCK_TO_DELETE: Final = f"""
SELECT {shown()}, u.password_hash, u.email_key FROM users AS u WHERE u.user_id = $1 FOR UPDATE OF u
"""


async def lock_to_delete(tx: Tx, user_id: UUID) -> tuple[Credentials, str] | None:
    """The user and the key of his address; nothing that refers to him can be written until the transaction ends."""
    row = await tx.fetchrow(LOCK_TO_DELETE, user_id)
    return None if row is None else (Credentials(user_of(row), row["password_hash"]), row["email_key"])


DELETE_USER: Final[str] = """
WITH gone AS (DELETE FROM users WHERE user_id = $1 RETURNING user_id)
INSERT INTO deleted_users (user_id) SELECT user_id FROM gone ON CONFLICT DO NOTHING
"""


async def delete_user(tx: Tx, user_id: UUID) -> None:
    """With all that is his, by cascade; that there was such an id is kept."""
    await tx.execute(DELETE_USER, user_id)


LIST_USERS: Final = f"""
SELECT {shown()} FROM users AS u
WHERE ($1 = '' OR strpos(u.email_key, $1) > 0)
  AND ($2::timestamptz IS NULL OR (u.created_at, u.user_id) < ($2, $3))
ORDER BY u.created_at DESC, u.user_id DESC
LIMIT $4
"""


async def list_users(tx: Tx, text: str, after: tuple[datetime, UUID] | None, limit: int) -> Sequence[User]:
    """Newest first, after the position of the last one shown; `text` is part of the address's key."""
    created_at, user_id = after or (None, None)
    return [user_of(row) for row in await tx.fetch(LIST_USERS, text, created_at, user_id, limit)]


USERS_BY_IDS: Final = f"""
SELECT {shown()} FROM users AS u WHERE u.user_id = ANY ($1::uuid[])
"""


async def find_users(tx: Tx, user_ids: Sequence[UUID]) -> Sequence[User]:
    """Those of these users that there are, in no order."""
    return [user_of(row) for row in await tx.fetch(USERS_BY_IDS, list(user_ids))]


STATES: Final[str] = """
SELECT user_id, CASE WHEN suspended_at IS NULL THEN 'open' ELSE 'suspended' END AS state
FROM users WHERE user_id = ANY ($1::uuid[])
UNION ALL SELECT user_id, 'deleted' FROM deleted_users WHERE user_id = ANY ($1::uuid[])
"""


async def states(tx: Tx, user_ids: Sequence[UUID]) -> dict[UUID, AccountState]:
    """What each of these users is; without those that this database has never heard of."""
    return {row["user_id"]: row["state"] for row in await tx.fetch(STATES, list(user_ids))}


SUSPENDED_AFTER: Final[str] = """
SELECT user_id FROM users WHERE suspended_at IS NOT NULL AND user_id > $1 ORDER BY user_id LIMIT $2
"""


async def suspended_after(tx: Tx, after: UUID, limit: int) -> list[UUID]:
    """Who is suspended, by id."""
    return [row["user_id"] for row in await tx.fetch(SUSPENDED_AFTER, after, limit)]


def user_of(row: Record) -> User:
    """The user of a row that has the columns of `shown`."""
    return User(
        row["user_id"],
        row["email"],
        Role(row["role"]),
        row["created_at"],
        suspended=row["suspended_at"] is not None,
        verified=row["verified_at"] is not None,
        second_factor=row["second_factor"],
        name=row["name"] or "",
    )
