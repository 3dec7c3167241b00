"""The key that signs list cursors and makes fingerprints of requests."""

from typing import Final

from tseeder_pg import Tx

CURSOR_KEY: Final[str] = "SELECT key FROM cursor_keys"


async def cursor_key(tx: Tx) -> bytes:
    """The secret that the migration made; `tseeder_kit.cursor.derive_key` makes one purpose's key of it."""
    key: bytes = await tx.fetchval(CURSOR_KEY)
    return key
