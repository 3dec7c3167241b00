"""The end of a user's sessions, where other services can see it."""

from uuid import UUID

from tseeder_auth.store import sessions
from tseeder_pg import Tx, feed


async def end_sessions_of(tx: Tx, user_id: UUID, *, but: UUID | None = None) -> int:
    """Ends all of them, but for one; gives how many. API keys stay."""
    return await sessions.end_sessions(tx, user_id, but=but)


async def tell_session_ended(tx: Tx, session_id: UUID, user_id: UUID) -> None:
    """The event."""
    await feed.append(tx, "session.ended", session_id, {"user_id": str(user_id)})
