"""API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import ApiKey, User
from tseeder_auth.store.users import shown, user_of
from tseeder_pg import Record, Tx


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A key that is still good, whose it is, and what it was granted."""

    key_id: UUID
    scopes: tuple[str, ...]
    user: User


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is stored of a key that is made."""

    key_id: UUID
    user_id: UUID
    name: str
    prefix: str
    secret_hash: bytes
    scopes: tuple[str, ...]
    expires_at: datetime | None
    idempotency_key: str | None
    fingerprint: bytes


INSERT_KEY: Final[str] = """
INSERT INTO api_keys (key_id, user_id, name, prefix, secret_hash, scopes, expires_at, idempotency_key, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING key_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at
"""


async def insert_key(tx: Tx, new: NewKey) -> ApiKey:
    """Stores a key; the caller has locked its user, so that nobody else makes one for him meanwhile."""
    (row,) = await tx.fetch(
        INSERT_KEY,
        new.key_id,
        new.user_id,
        new.name,
        new.prefix,
        new.secret_hash,
        list(new.scopes),
        new.expires_at,
        new.idempotency_key,
        new.fingerprint,
    )
    return _key(row)


KEY_BY_IDEMPOTENCY: Final[str] = """
SELECT key_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at, fingerprint
FROM api_keys WHERE user_id = $1 AND idempotency_key = $2
"""


async def find_by_idempotency(tx: Tx, user_id: UUID, idempotency_key: str) -> tuple[ApiKey, bytes] | None:
    """The key that an earlier request with this idempotency key made, and that request's fingerprint."""
    row = await tx.fetchrow(KEY_BY_IDEMPOTENCY, user_id, idempotency_key)
    return None if row is None else (_key(row), row["fingerprint"])


COUNT_KEYS: Final[str] = "SELECT count(*) FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL"


async def count_keys(tx: Tx, user_id: UUID) -> int:
    """How many keys the user has, expired ones included."""
    count: int = await tx.fetchval(COUNT_KEYS, user_id)
    return count


LIST_KEYS: Final[str] = """
SELECT key_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at
FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL
ORDER BY created_at DESC, key_id DESC
"""


async def list_keys(tx: Tx, user_id: UUID) -> Sequence[ApiKey]:
    """The user's keys, newest first, without revoked ones."""
    return [_key(row) for row in await tx.fetch(LIST_KEYS, user_id)]


LOCK_KEY: Final[str] = """
SELECT key_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at
FROM api_keys WHERE key_id = $1 AND user_id = $2 FOR UPDATE
"""


async def lock_key(tx: Tx, key_id: UUID, user_id: UUID) -> ApiKey | None:
    """The user's key with this id, locked; None too if it is somebody else's."""
    row = await tx.fetchrow(LOCK_KEY, key_id, user_id)
    return None if row is None else _key(row)


REVOKE_KEY: Final[str] = "UPDATE api_keys SET revoked_at = clock_timestamp() WHERE key_id = $1 AND revoked_at IS NULL"


async def revoke_key(tx: Tx, key_id: UUID) -> None:
    """From now on it opens nothing."""
    await tx.execute(REVOKE_KEY, key_id)


OPEN_KEY: Final = f"""
SELECT k.key_id, k.scopes, {shown()}
FROM api_keys AS k JOIN users AS u USING (user_id)
WHERE k.secret_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
  AND u.verified_at IS NOT NULL
"""


async def find_open_key(tx: Tx, secret_hash: bytes) -> OpenKey | None:
    """The key with this secret, unless it is revoked or expired; of confirmed users, as with sessions."""
    row = await tx.fetchrow(OPEN_KEY, secret_hash)
    if row is None:
        return None
    return OpenKey(row["key_id"], tuple(row["scopes"]), user_of(row))


TOUCH_KEY: Final[str] = """
UPDATE api_keys SET last_used_at = clock_timestamp()
WHERE key_id = $1 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - $2::interval)
"""


async def touch_key(tx: Tx, key_id: UUID, interval: timedelta) -> None:
    """Notes that it was used, unless that was noted within `interval`."""
    await tx.execute(TOUCH_KEY, key_id, interval)


def _key(row: Record) -> ApiKey:
    return ApiKey(
        row["key_id"],
        row["name"],
        row["prefix"],
        tuple(row["scopes"]),
        row["created_at"],
        row["expires_at"],
        row["last_used_at"],
        row["revoked_at"],
    )
