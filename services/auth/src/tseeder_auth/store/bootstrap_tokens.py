"""One-time tokens that make the first superadmin."""

from datetime import timedelta
from typing import Final, Literal, TypeAlias

from tseeder_pg import Tx

TokenState: TypeAlias = Literal["good", "used", "expired"]

LOCK_BOOTSTRAP: Final[str] = "SELECT pg_advisory_xact_lock(hashtextextended('tseeder.auth.bootstrap', 0))"


async def lock_bootstrap(tx: Tx) -> None:
    """One bootstrap at a time; a statement of its own, so that the next one sees what the former holder committed."""
    await tx.execute(LOCK_BOOTSTRAP)


DELETE_UNUSED: Final[str] = "DELETE FROM bootstrap_tokens WHERE used_at IS NULL"
INSERT_BOOTSTRAP: Final[str] = """
INSERT INTO bootstrap_tokens (token_hash, expires_at) VALUES ($1, clock_timestamp() + $2::interval)
"""


async def replace_token(tx: Tx, token_hash: bytes, lifetime: timedelta) -> None:
    """The one token that is good from now on."""
    await tx.execute(DELETE_UNUSED)
    await tx.execute(INSERT_BOOTSTRAP, token_hash, lifetime)


BOOTSTRAP_STATE: Final[str] = """
SELECT CASE WHEN used_at IS NOT NULL THEN 'used' WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'good' END
FROM bootstrap_tokens WHERE token_hash = $1
"""


async def token_state(tx: Tx, token_hash: bytes) -> TokenState | None:
    """Whether a token may be redeemed; None for one that was never given out, or was replaced."""
    state: TokenState | None = await tx.fetchval(BOOTSTRAP_STATE, token_hash)
    return state


USE_BOOTSTRAP: Final[str] = "UPDATE bootstrap_tokens SET used_at = clock_timestamp() WHERE token_hash = $1"


async def use_token(tx: Tx, token_hash: bytes) -> None:
    """It is redeemed."""
    await tx.execute(USE_BOOTSTRAP, token_hash)
