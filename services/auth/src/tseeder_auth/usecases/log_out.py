"""Ending a session."""

from tseeder_auth.domain.tokens import token_hash
from tseeder_auth.store import sessions
from tseeder_auth.usecases.session_ends import tell_session_ended
from tseeder_pg import Pool, transaction


async def log_out(pool: Pool, session_token: str) -> None:
    """Ends the session with this token; where there is none nothing is left to do."""
    async with transaction(pool) as tx:
        ended = await sessions.delete_session(tx, token_hash(session_token))
        if ended is not None:
            session_id, user_id = ended
            await tell_session_ended(tx, session_id, user_id)
