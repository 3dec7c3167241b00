"""Which account a provider's subject signs in to."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import Identity
from tseeder_pg import Tx

FIND_IDENTITY: Final[str] = "SELECT user_id FROM oidc_identities WHERE provider = $1 AND subject = $2"


async def find_identity(tx: Tx, provider: str, subject: str) -> UUID | None:
    """Whose it is."""
    user_id: UUID | None = await tx.fetchval(FIND_IDENTITY, provider, subject)
    return user_id


USE_IDENTITY: Final[str] = """
UPDATE oidc_identities
SET last_used_at = clock_timestamp(), email = CASE WHEN $4 = '' THEN email ELSE $4 END
WHERE provider = $1 AND subject = $2 AND user_id = $3
RETURNING true
"""


async def use_identity(tx: Tx, provider: str, subject: str, user_id: UUID, email: str) -> bool:
    """Notes a sign-in, and the address that the provider told ("": none); whether the link is still there."""
    return await tx.fetchval(USE_IDENTITY, provider, subject, user_id, email) is True


LINK_IDENTITY: Final[str] = """
INSERT INTO oidc_identities (provider, subject, user_id, email) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING true
"""


async def link_identity(tx: Tx, provider: str, subject: str, user_id: UUID, email: str) -> bool:
    """Links a subject to an account; False if somebody else has just linked it."""
    return await tx.fetchval(LINK_IDENTITY, provider, subject, user_id, email) is True


LIST_IDENTITIES: Final[str] = """
SELECT provider, subject, email, linked_at, last_used_at FROM oidc_identities
WHERE user_id = $1
ORDER BY linked_at, provider, subject
"""


async def list_identities(tx: Tx, user_id: UUID) -> Sequence[Identity]:
    """What is linked to an account, the oldest first."""
    return [Identity(**row) for row in await tx.fetch(LIST_IDENTITIES, user_id)]


UNLINK_IDENTITY: Final[str] = """
DELETE FROM oidc_identities WHERE user_id = $1 AND provider = $2 AND subject = $3
"""


async def unlink_identity(tx: Tx, user_id: UUID, provider: str, subject: str) -> None:
    """Takes a link away."""
    await tx.execute(UNLINK_IDENTITY, user_id, provider, subject)
