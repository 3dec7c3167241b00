"""Browsers' sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Client, Method, Session, User
from tseeder_auth.store.rows import rows_of
from tseeder_auth.store.users import shown, user_of
from tseeder_pg import Record, Tx


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
  AND u.verified_at IS NOT NULL
"""


async def find_open_session(tx: Tx, token_hash: bytes, idle: timedelta) -> OpenSession | None:
    """The session with this token, unless it is over or was idle for too long.

    None too where the user's address is not confirmed: a replica of the former release, which does not ask, opened it.
    """
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


LIST_SESSIONS: Final[str] = """
SELECT session_id, user_agent, remote_address, created_at, last_seen_at, expires_at, method, second_factor
FROM sessions
WHERE user_id = $1 AND expires_at > clock_timestamp() AND last_seen_at > clock_timestamp() - $2::interval
ORDER BY last_seen_at DESC, session_id DESC
LIMIT $3
"""


async def list_sessions(tx: Tx, user_id: UUID, idle: timedelta, limit: int) -> Sequence[Session]:
    """The user's sessions that are not over, the last seen first."""
    return [_session(row) for row in await tx.fetch(LIST_SESSIONS, user_id, idle, limit)]


OWN_SESSION: Final[str] = """
SELECT method, clock_timestamp() - created_at AS age FROM sessions WHERE session_id = $1 AND user_id = $2
"""


async def find_own_session(tx: Tx, session_id: UUID, user_id: UUID) -> tuple[Method, timedelta] | None:
    """What a session of the user's was opened with, and how long ago; None if it was ended."""
    row = await tx.fetchrow(OWN_SESSION, session_id, user_id)
    return None if row is None else (row["method"], row["age"])


DELETE_OWN: Final[str] = "DELETE FROM sessions WHERE session_id = $1 AND user_id = $2 RETURNING session_id"


async def delete_own_session(tx: Tx, session_id: UUID, user_id: UUID) -> bool:
    """Ends a session of the user's; False if there is none, also if it is somebody else's."""
    return await tx.fetchval(DELETE_OWN, session_id, user_id) is not None


END_OTHERS: Final[str] = """
WITH ended AS (
    DELETE FROM sessions WHERE user_id = $1 AND session_id IS DISTINCT FROM $2 RETURNING session_id
), told AS (
    INSERT INTO feed (type, entity_id, payload)
    SELECT 'session.ended', session_id, jsonb_build_object('user_id', $1::uuid) FROM ended
    RETURNING 1
)
SELECT count(*) FROM told
"""


async def end_sessions(tx: Tx, user_id: UUID, *, but: UUID | None = None) -> int:
    """Ends all of the user's sessions, but for one, and tells of each; how many there were.

    One statement for however many: an account that has very many is suspended as fast as any.
    """
    ended: int = await tx.fetchval(END_OTHERS, user_id, but)
    return ended


END_OLDEST: Final[str] = """
WITH ended AS (
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE user_id = $1 ORDER BY last_seen_at DESC, session_id DESC OFFSET $2
    )
    RETURNING session_id
)
INSERT INTO feed (type, entity_id, payload)
SELECT 'session.ended', session_id, jsonb_build_object('user_id', $1::uuid) FROM ended
"""


async def end_oldest(tx: Tx, user_id: UUID, kept: int) -> None:
    """Ends all of the user's sessions but the `kept` that were seen last, and tells of each; the caller holds his
    lock."""
    await tx.execute(END_OLDEST, user_id, kept)


PURGE_SESSIONS: Final[str] = """
DELETE FROM sessions WHERE session_id IN (
    SELECT session_id FROM sessions
    WHERE expires_at < clock_timestamp() OR last_seen_at < clock_timestamp() - $1::interval
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
"""


async def purge_sessions(tx: Tx, idle: timedelta, batch: int) -> int:
    """Deletes at most `batch` sessions that are over; how many."""
    return rows_of(await tx.execute(PURGE_SESSIONS, idle, batch))


def _session(row: Record) -> Session:
    return Session(
        row["session_id"],
        Client(row["user_agent"], row["remote_address"]),
        row["created_at"],
        row["last_seen_at"],
        row["expires_at"],
        row["method"],
        row["second_factor"],
    )
