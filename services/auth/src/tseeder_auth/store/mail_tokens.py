"""The tokens in mails. Only their SHA-256 is kept; all that change one hold its user's lock."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_auth.domain.mails import Purpose, TokenRule
from tseeder_auth.store.rows import rows_of
from tseeder_pg import Tx

INSERT_MAILED: Final[str] = """
INSERT INTO mail_tokens (token_hash, purpose, user_id, email_key, expires_at)
SELECT $1, $2, user_id, email_key, clock_timestamp() + $4::interval FROM users WHERE user_id = $3
"""


async def insert_token(tx: Tx, token_hash: bytes, rule: TokenRule, user_id: UUID) -> None:
    """A token for the address that the user has now."""
    await tx.execute(INSERT_MAILED, token_hash, rule.purpose, user_id, rule.lifetime)


OWNER_OF_MAILED: Final[str] = """
SELECT t.user_id FROM mail_tokens AS t JOIN users AS u USING (user_id, email_key)
WHERE t.token_hash = $1 AND t.purpose = $2 AND t.used_at IS NULL AND t.expires_at > clock_timestamp()
"""


async def owner_of(tx: Tx, token_hash: bytes, purpose: Purpose) -> UUID | None:
    """Whose token it is; None for one that is unknown, used, expired, or was sent to another address than today's."""
    user_id: UUID | None = await tx.fetchval(OWNER_OF_MAILED, token_hash, purpose)
    return user_id


USE_UP_MAILED: Final[str] = """
UPDATE mail_tokens SET used_at = clock_timestamp() WHERE user_id = $1 AND purpose = ANY ($2::text[]) AND used_at IS NULL
"""


async def use_up(tx: Tx, user_id: UUID, purposes: Sequence[Purpose]) -> None:
    """No token of the user's for these purposes opens anything any more."""
    await tx.execute(USE_UP_MAILED, user_id, list(purposes))


PURGE_MAILED: Final[str] = """
DELETE FROM mail_tokens WHERE token_hash IN (
    SELECT token_hash FROM mail_tokens WHERE expires_at < clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""


async def purge_tokens(tx: Tx, batch: int) -> int:
    """Deletes at most `batch` that have expired; how many."""
    return rows_of(await tx.execute(PURGE_MAILED, batch))
