"""Sign-ins whose first factor was good, and that await the second one."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Method
from tseeder_pg import Tx

INSERT_CHALLENGE: Final[str] = """
INSERT INTO sign_in_challenges (challenge_hash, user_id, method, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
"""


async def insert_challenge(tx: Tx, challenge_hash: bytes, user_id: UUID, method: Method, lifetime: timedelta) -> None:
    """Keeps one."""
    await tx.execute(INSERT_CHALLENGE, challenge_hash, user_id, method, lifetime)


TRY_CHALLENGE: Final[str] = """
UPDATE sign_in_challenges SET attempts = attempts + 1
WHERE challenge_hash = $1 AND expires_at > clock_timestamp() AND attempts < $2
RETURNING user_id
"""


async def try_challenge(tx: Tx, challenge_hash: bytes, most: int) -> UUID | None:
    """Counts a try; whose sign-in it is, or None if it is over or was tried `most` times."""
    user_id: UUID | None = await tx.fetchval(TRY_CHALLENGE, challenge_hash, most)
    return user_id


TAKE_CHALLENGE: Final[str] = """
DELETE FROM sign_in_challenges WHERE challenge_hash = $1 AND expires_at > clock_timestamp() RETURNING method
"""


async def take_challenge(tx: Tx, challenge_hash: bytes) -> Method | None:
    """What the sign-in began with, to whoever comes first."""
    method: Method | None = await tx.fetchval(TAKE_CHALLENGE, challenge_hash)
    return method
