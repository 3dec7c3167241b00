"""Blocked digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.sealed import Blind
from tseeder_pg import Tx

INSERT: Final = """
INSERT INTO takedowns (digest_index, index_key_version, reason)
SELECT d.value, d.version, $3 FROM unnest($1::bytea[], $2::smallint[]) AS d (value, version)
ON CONFLICT (digest_index, index_key_version) DO NOTHING
"""


async def insert(tx: Tx, blinds: Sequence[Blind], reason: str) -> None:
    """Block digests: `blinds` under every live key version, since rows of torrents stand under either. Their digest
    locks are held, so that no submit is between its look and its write. What is there already is the sweep's."""
    await tx.execute(INSERT, [b.value for b in blinds], [b.version for b in blinds], reason)


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
    OR EXISTS (SELECT 1 FROM magnet_hashes m JOIN takedowns t USING (digest_index, index_key_version)
               WHERE m.torrent_id = $1)
"""


async def torrent_blocked(tx: Tx, torrent_id: UUID) -> bool:
    """Whether a torrent was taken down under any of its hashes, also one that nobody named now."""
    return bool(await tx.fetchval(TORRENT_BLOCKED, torrent_id))


FILE_BLOCKED: Final = """
SELECT EXISTS (SELECT 1 FROM files f JOIN torrent_hashes h USING (torrent_id)
               JOIN takedowns t USING (digest_index, index_key_version) WHERE f.file_id = $1)
"""


async def file_blocked(tx: Tx, file_id: UUID) -> bool:
    """Whether the torrent of a file was taken down. Asked at every read: three looks by primary keys."""
    return bool(await tx.fetchval(FILE_BLOCKED, file_id))


UNAPPLIED: Final = """
SELECT digest_index, index_key_version FROM takedowns WHERE applied_at IS NULL ORDER BY created_at LIMIT $1
"""


async def unapplied(tx: Tx, limit: int) -> list[Blind]:
    """Digests of which something may still be running, the oldest first."""
    rows = await tx.fetch(UNAPPLIED, limit)
    return [Blind(row["index_key_version"], row["digest_index"]) for row in rows]


TORRENTS_OF: Final = """
SELECT torrent_id FROM torrent_hashes
WHERE digest_index = $1 AND index_key_version = $2 AND torrent_id > $3
UNION
SELECT torrent_id FROM magnet_hashes
WHERE digest_index = $1 AND index_key_version = $2 AND torrent_id > $3
ORDER BY torrent_id LIMIT $4
"""


async def torrents_of(tx: Tx, blind: Blind, after: UUID, limit: int) -> list[UUID]:
    """Torrents that have a digest, or claim to: with dedupe off, one for each job."""
    rows = await tx.fetch(TORRENTS_OF, blind.value, blind.version, after, limit)
    return [row["torrent_id"] for row in rows]


APPLIED: Final = """
UPDATE takedowns SET applied_at = clock_timestamp() WHERE digest_index = $1 AND index_key_version = $2
"""


async def applied(tx: Tx, blind: Blind) -> None:
    """Nothing of it runs any more, and nothing of it can begin."""
    await tx.execute(APPLIED, blind.value, blind.version)
