"""Which keys rows were written with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tseeder_pg import Tx


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that rows may need; `check_value` is that of the key that wrote them."""

    key_id: str
    kind: str
    check_value: bytes


LIST_KEYS: Final = "SELECT key_id, kind, check_value FROM crypto_keys ORDER BY key_id"


async def list_keys(tx: Tx) -> list[KeyRow]:
    """All of them."""
    return [KeyRow(**row) for row in await tx.fetch(LIST_KEYS)]


ADD_KEY: Final = """
INSERT INTO crypto_keys (key_id, kind, check_value) VALUES ($1, $2, $3) ON CONFLICT (key_id) DO NOTHING
"""


async def add_key(tx: Tx, key: KeyRow) -> None:
    """Remember a key before the first row is written with it."""
    await tx.execute(ADD_KEY, key.key_id, key.kind, key.check_value)


FORGET_KEY: Final = "DELETE FROM crypto_keys WHERE key_id = $1"


async def forget_key(tx: Tx, key_id: str) -> None:
    """No row needs it any more: after a rotation."""
    await tx.execute(FORGET_KEY, key_id)
