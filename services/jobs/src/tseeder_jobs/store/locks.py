"""Advisory locks. Row locks are taken by the functions that read the rows, in the order that docs/decisions fixes:
digests -> usage -> torrent -> transfer -> lease -> job -> file -> entry -> upload -> object -> charge."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

LOCK_KEY: Final = "SELECT pg_advisory_xact_lock($1::bigint)"


async def lock_digests(tx: Tx, digests: Iterable[bytes]) -> None:
    """Serialize all that is decided about these info-hashes, in one order everywhere.

    By the plain digest, so that a new index key changes nothing; only a hash of it reaches the lock table.
    """
    for key in sorted({_key(b"digest:" + digest) for digest in digests}):
        await tx.execute(LOCK_KEY, key)


TRY_LOCK_KEY: Final = "SELECT pg_try_advisory_xact_lock($1::bigint)"


async def try_lock_idempotency(tx: Tx, user_id: UUID, key: str) -> bool:
    """False: a request with this key is under way at this moment."""
    return bool(await tx.fetchval(TRY_LOCK_KEY, _key(b"idempotency:" + user_id.bytes + key.encode())))


async def lock_links(tx: Tx, user_id: UUID) -> None:
    """Serialize what makes links of one user; first of all that is locked."""
    await tx.execute(LOCK_KEY, _key(b"links:" + user_id.bytes))


async def lock_streams(tx: Tx, user_id: UUID) -> None:
    """Serialize what begins among one user's streams. Nothing else is locked meanwhile."""
    await tx.execute(LOCK_KEY, _key(b"streams:" + user_id.bytes))


def _key(value: bytes) -> int:
    return int.from_bytes(sha256(value).digest()[:8], "big", signed=True)
