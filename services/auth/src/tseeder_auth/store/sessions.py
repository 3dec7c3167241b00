"""Browsers' sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Client, Method, User
from tseeder_auth.store.users import shown, user_of
from tseeder_pg import Tx


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is still good, and whose it is."""

    session_id: UUID
    user: User
    second_factor: bool  # whether one was given when it was opened


INSERT_SESSION: Final[str] = """
INSERT INTO sessions (session_id, token_hash, user_id, user_agent, remote_address, expires_at, method, second_factor)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6::interval, $7, $8)
RETURNING expires_at
"""


async def insert_session(
    tx: Tx,
    session_id: UUID,
    token_hash: bytes,
    user_id: UUID,
    client: Client,
    *,
    lifetime: timedelta,
    method: Method,
    second_factor: bool,
) -> datetime:
    """Opens a session; gives its absolute expiry."""
    expires_at: datetime = await tx.fetchval(
        INSERT_SESSION,
        session_id,
        token_hash,
        user_id,
        client.user_agent,
        client.remote_address,
        lifetime,
        method,
        second_factor,
    )
    return expires_at


OPEN_SESSION: Final = f"""
SELECT s.session_id, s.second_factor AS by_second_factor, {shown()}
FROM sessions AS s JOIN users AS u USING (user_id)
WHERE s.token_hash = $1 AND s.expires_at > clock_timestamp() AND s.last_seen_at > clock_timestamp() - $2::interval
"""


async def find_open_session(tx: Tx, token_hash: bytes, idle: timedelta) -> OpenSession | None:
    """The session with this token, unless it is over or was idle for too long."""
    row = await tx.fetchrow(OPEN_SESSION, token_hash, idle)
    if row is None:
        return None
    return OpenSession(row["session_id"], user_of(row), second_factor=row["by_second_factor"])


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


SESSION_OF_USER: Final[str] = """
SELECT method, second_factor, created_at > clock_timestamp() - $3::interval AS is_young
FROM sessions WHERE session_id = $1 AND user_id = $2
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """How a session was opened, and whether that was just now."""

    method: Method
    second_factor: bool
    is_young: bool


async def how_opened(tx: Tx, session_id: UUID, user_id: UUID, young: timedelta) -> Opened | None:
    """For a session of the user's that has not ended; `young` is the age below which it is."""
    row = await tx.fetchrow(SESSION_OF_USER, session_id, user_id, young)
    if row is None:
        return None
    return Opened(row["method"], second_factor=row["second_factor"], is_young=row["is_young"])


END_SESSIONS: Final[str] = "DELETE FROM sessions WHERE user_id = $1"


async def end_sessions(tx: Tx, user_id: UUID) -> int:
    """Ends all of the user's; how many there were."""
    done = await tx.execute(END_SESSIONS, user_id)
    return int(done.rpartition(" ")[2])


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
