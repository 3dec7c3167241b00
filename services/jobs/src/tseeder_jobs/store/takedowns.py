"""Blocked digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.sealed import Blind
from tseeder_pg import Tx

ANY_BLOCKED: Final = """
SELECT EXISTS (SELECT 1 FROM takedowns t JOIN unnest($1::bytea[], $2::smallint[]) AS d (value, version)
               ON t.digest_index = d.value AND t.index_key_version = d.version)
"""


async def any_blocked(tx: Tx, blinds: Sequence[Blind]) -> bool:
    """Whether one of these digests was taken down. The digest locks are held."""
    return bool(await tx.fetchval(ANY_BLOCKED, [b.value for b in blinds], [b.version for b in blinds]))


TORRENT_BLOCKED: Final = """
SELECT EXISTS (SELECT 1 FROM torrent_hashes h JOIN takedowns t USING (digest_index, index_key_version)
               WHERE h.torrent_id = $1)
"""


async def torrent_blocked(tx: Tx, torrent_id: UUID) -> bool:
    """Whether a verified torrent was taken down under any of its hashes, also one that nobody named now."""
    return bool(await tx.fetchval(TORRENT_BLOCKED, torrent_id))
