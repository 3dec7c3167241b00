"""Browsers' sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import User
from tseeder_auth.domain.roles import Role
from tseeder_pg import Tx


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is still good, and whose it is."""

    session_id: UUID
    user: User


INSERT_SESSION: Final[str] = """
INSERT INTO sessions (session_id, token_hash, user_id, user_agent, remote_address, expires_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval)
RETURNING expires_at
"""


async def insert_session(
    tx: Tx,
    session_id: UUID,
    token_hash: bytes,
    user_id: UUID,
    *,
    user_agent: str,
    remote_address: str,
    lifetime: timedelta,
) -> datetime:
    """Opens a session; gives its absolute expiry."""
    expires_at: datetime = await tx.fetchval(
        INSERT_SESSION, session_id, token_hash, user_id, user_agent, remote_address, lifetime
    )
    return expires_at


OPEN_SESSION: Final[str] = """
SELECT s.session_id, u.user_id, u.email, u.role, u.created_at, u.suspended_at
FROM sessions AS s JOIN users AS u USING (user_id)
WHERE s.token_hash = $1 AND s.expires_at > clock_timestamp() AND s.last_seen_at > clock_timestamp() - $2::interval
"""


async def find_open_session(tx: Tx, token_hash: bytes, idle: timedelta) -> OpenSession | None:
    """The session with this token, unless it is over or was idle for too long."""
    row = await tx.fetchrow(OPEN_SESSION, token_hash, idle)
    if row is None:
        return None
    suspended = row["suspended_at"] is not None
    user = User(row["user_id"], row["email"], Role(row["role"]), row["created_at"], suspended=suspended)
    return OpenSession(row["session_id"], user)


TOUCH_SESSION: Final[str] = """
UPDATE sessions SET last_seen_at = clock_timestamp()
WHERE session_id = $1 AND last_seen_at < clock_timestamp() - $2::interval
"""


async def touch_session(tx: Tx, session_id: UUID, interval: timedelta) -> None:
    """Notes that it was used, unless that was noted within `interval`."""
    await tx.execute(TOUCH_SESSION, session_id, interval)


DELETE_SESSION: Final[str] = "DELETE FROM sessions WHERE token_hash = $1 RETURNING session_id, user_id"


async def delete_session(tx: Tx, token_hash: bytes) -> tuple[UUID, UUID] | None:
    """Ends a session; its id and its user's, or None if there is none."""
    row = await tx.fetchrow(DELETE_SESSION, token_hash)
    return None if row is None else (row["session_id"], row["user_id"])


PURGE_SESSIONS: Final[str] = """
DELETE FROM sessions WHERE session_id IN (
    SELECT session_id FROM sessions
    WHERE expires_at < clock_timestamp() OR last_seen_at < clock_timestamp() - $1::interval
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_sessions(tx: Tx, idle: timedelta, batch: int) -> None:
    """Deletes at most `batch` sessions that are over."""
    await tx.execute(PURGE_SESSIONS, idle, batch)
