"""Sign-ins whose first factor was good, and that await the second one."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Method
from tseeder_auth.domain.oidc import NewIdentity
from tseeder_pg import Tx

INSERT_CHALLENGE: Final[str] = """
INSERT INTO sign_in_challenges (challenge_hash, user_id, method, expires_at, provider, subject, email)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval, $5, $6, $7)
"""


async def insert_challenge(
    tx: Tx, challenge_hash: bytes, user_id: UUID, method: Method, lifetime: timedelta, to_link: NewIdentity | None
) -> None:
    """Keeps one; `to_link`: what is linked once it is answered."""
    linked = (to_link.provider, to_link.subject, to_link.email) if to_link else (None, None, None)
    await tx.execute(INSERT_CHALLENGE, challenge_hash, user_id, method, lifetime, *linked)


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
DELETE FROM sign_in_challenges WHERE challenge_hash = $1 AND expires_at > clock_timestamp()
RETURNING method, provider, subject, email
"""


async def take_challenge(tx: Tx, challenge_hash: bytes) -> tuple[Method, NewIdentity | None] | None:
    """What the sign-in began with, and what is to be linked, to whoever comes first."""
    row = await tx.fetchrow(TAKE_CHALLENGE, challenge_hash)
    if row is None:
        return None
    method: Method = row["method"]
    return method, NewIdentity(row["provider"], row["subject"], row["email"]) if row["provider"] else None
