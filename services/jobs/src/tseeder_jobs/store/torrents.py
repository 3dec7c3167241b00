"""Torrents, their hashes and their entries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import EntryRow, TorrentRow
from tseeder_jobs.domain.sealed import Blind
from tseeder_pg import Tx

_columns = """t.torrent_id, t.scope_user_id, t.verified, t.private, t.name, t.total_bytes, t.piece_length,
t.piece_space_bytes, t.file_count"""


@dataclass(frozen=True, slots=True)
class SealedHash:
    """One info-hash as it is written: its blind index, and its ciphertext."""

    kind: str  # `v1` or `v2`
    blind: Blind
    ciphertext: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One torrent's digests, as they may be indexed: `digests` of them, each under every live key version."""

    digests: int
    blinds: Sequence[Blind]

    @property
    def columns(self) -> tuple[list[bytes], list[int]]:
        """Values and versions, as SQL takes them."""
        return [b.value for b in self.blinds], [b.version for b in self.blinds]


LOCK: Final = f"SELECT {_columns} FROM torrents t WHERE torrent_id = ANY($1::uuid[]) ORDER BY torrent_id FOR UPDATE"


async def lock(tx: Tx, torrent_ids: Sequence[UUID]) -> dict[UUID, TorrentRow]:
    """Hold these torrents, in order of id: nobody joins, leaves or stores while they are held."""
    return {row["torrent_id"]: TorrentRow(**row) for row in await tx.fetch(LOCK, torrent_ids)}


SHARE: Final = f"SELECT {_columns} FROM torrents t WHERE torrent_id = $1 FOR SHARE"


async def share(tx: Tx, torrent_id: UUID) -> TorrentRow | None:
    """Keep everybody from joining or leaving, beside others who do the same."""
    row = await tx.fetchrow(SHARE, torrent_id)
    return TorrentRow(**row) if row else None


# One row of a torrent's hashes a kind, so that the count says whether ALL that is asked for is its own: a magnet that
# names two different torrents is neither of them.
FIND_VERIFIED: Final = f"""
SELECT {_columns} FROM torrents t
WHERE t.torrent_id IN (
    SELECT h.torrent_id FROM torrent_hashes h
    JOIN unnest($1::bytea[], $2::smallint[]) AS d (value, version)
      ON h.digest_index = d.value AND h.index_key_version = d.version
    WHERE h.scope_user_id IS NOT DISTINCT FROM $3 AND NOT h.unshared
    GROUP BY h.torrent_id HAVING count(*) = $4)
  AND ($5::uuid IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.torrent_id = t.torrent_id AND j.user_id = $5))
ORDER BY t.torrent_id LIMIT 1
"""


async def find_verified(
    tx: Tx, asked: Asked, scope_user_id: UUID | None, *, held_by: UUID | None = None
) -> TorrentRow | None:
    """The verified torrent with all of these digests in this scope (None: shared by all), never an unshared one;
    `held_by`: only if this user has a job on it."""
    values, versions = asked.columns
    row = await tx.fetchrow(FIND_VERIFIED, values, versions, scope_user_id, asked.digests, held_by)
    return TorrentRow(**row) if row else None


FIND_MAGNET: Final = f"""
SELECT {_columns} FROM torrents t
WHERE NOT t.verified AND t.scope_user_id = $3 AND t.torrent_id IN (
    SELECT h.torrent_id FROM magnet_hashes h
    JOIN unnest($1::bytea[], $2::smallint[]) AS d (value, version)
      ON h.digest_index = d.value AND h.index_key_version = d.version
    GROUP BY h.torrent_id HAVING count(*) = $4)
  AND (SELECT count(*) FROM magnet_hashes a WHERE a.torrent_id = t.torrent_id) = $4
ORDER BY t.torrent_id LIMIT 1
"""


async def find_magnet(tx: Tx, asked: Asked, user_id: UUID) -> TorrentRow | None:
    """A user's unverified magnet that claims these digests, all of them and no other: one that claims more may be a
    lie, which nothing will ever satisfy."""
    values, versions = asked.columns
    row = await tx.fetchrow(FIND_MAGNET, values, versions, user_id, asked.digests)
    return TorrentRow(**row) if row else None


INSERT_MAGNET: Final = "INSERT INTO torrents (torrent_id, scope_user_id) VALUES ($1, $2)"
INSERT_MAGNET_HASH: Final = """
INSERT INTO magnet_hashes (torrent_id, kind, digest_index, index_key_version, digest_ciphertext, key_id)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def insert_magnet(tx: Tx, torrent_id: UUID, user_id: UUID, hashes: Sequence[SealedHash]) -> None:
    """A torrent that only a magnet tells of: this user's alone until its info bytes are verified."""
    await tx.execute(INSERT_MAGNET, torrent_id, user_id)
    for h in hashes:
        await tx.execute(INSERT_MAGNET_HASH, torrent_id, h.kind, h.blind.value, h.blind.version, h.ciphertext, h.key_id)


INSERT_EMPTY: Final = "INSERT INTO torrents (torrent_id, scope_user_id) VALUES ($1, $2)"


async def insert_empty(tx: Tx, torrent_id: UUID, user_id: UUID) -> None:
    """A row that `write_metadata` verifies in the same transaction."""
    await tx.execute(INSERT_EMPTY, torrent_id, user_id)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Verified metadata as it is written."""

    private: bool
    name: str
    total_bytes: int
    piece_length: int
    piece_count: int
    piece_space_bytes: int
    info_ciphertext: bytes
    layers_ciphertext: bytes | None
    key_id: str
    hashes: Sequence[SealedHash]
    entries: Sequence[EntryRow]


VERIFY: Final = """
UPDATE torrents SET scope_user_id = $2, verified = true, private = $3, name = $4, total_bytes = $5,
    piece_length = $6, piece_count = $7, piece_space_bytes = $8, info_ciphertext = $9, layers_ciphertext = $10,
    key_id = $11, file_count = $12
WHERE torrent_id = $1 AND NOT verified
"""
INSERT_HASH: Final = """
INSERT INTO torrent_hashes
    (torrent_id, kind, scope_user_id, digest_index, index_key_version, digest_ciphertext, key_id, unshared)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
FORGET_MAGNET: Final = "DELETE FROM magnet_hashes WHERE torrent_id = $1"
INSERT_ENTRIES: Final = """
INSERT INTO entries (entry_id, torrent_id, file_index, path, size_bytes, piece_offset, natural_rank, shared_folders)
SELECT e.entry_id, $1, e.file_index,
       ARRAY(SELECT value FROM jsonb_array_elements_text(e.path::jsonb) WITH ORDINALITY ORDER BY ordinality),
       e.size_bytes, e.piece_offset, e.natural_rank, e.shared_folders
FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::bigint[], $6::bigint[], $7::integer[], $8::smallint[])
  AS e (entry_id, file_index, path, size_bytes, piece_offset, natural_rank, shared_folders)
"""


async def write_metadata(
    tx: Tx, torrent_id: UUID, scope_user_id: UUID | None, meta: Metadata, *, unshared: bool
) -> None:
    """Turn an unverified row into a verified one, with its hashes and entries. Digest locks are held. `unshared`:
    nobody is to find it by its hashes, whatever the setting becomes."""
    await tx.execute(
        VERIFY,
        torrent_id,
        scope_user_id,
        meta.private,
        meta.name,
        meta.total_bytes,
        meta.piece_length,
        meta.piece_count,
        meta.piece_space_bytes,
        meta.info_ciphertext,
        meta.layers_ciphertext,
        meta.key_id,
        len(meta.entries),
    )
    await tx.execute(FORGET_MAGNET, torrent_id)
    for h in meta.hashes:
        sealed = (h.blind.value, h.blind.version, h.ciphertext, h.key_id)
        await tx.execute(INSERT_HASH, torrent_id, h.kind, scope_user_id, *sealed, unshared)
    # Paths travel as JSON text: Postgres has no ragged arrays.
    await tx.execute(
        INSERT_ENTRIES,
        torrent_id,
        [e.entry_id for e in meta.entries],
        [e.file_index for e in meta.entries],
        [json.dumps(e.path) for e in meta.entries],
        [e.size_bytes for e in meta.entries],
        [e.piece_offset for e in meta.entries],
        [e.place.rank for e in meta.entries],
        [e.place.shared_folders for e in meta.entries],
    )


READ_SECRETS: Final = "SELECT info_ciphertext, layers_ciphertext, key_id FROM torrents WHERE torrent_id = $1"
READ_HASHES: Final = """
SELECT kind, digest_ciphertext, key_id, true AS verified FROM torrent_hashes WHERE torrent_id = $1
UNION ALL
SELECT kind, digest_ciphertext, key_id, false FROM magnet_hashes WHERE torrent_id = $1
"""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Ciphertext of what a torrent is; `hashes` by kind: (ciphertext, key id)."""

    info: bytes | None
    layers: bytes | None
    key_id: str | None
    hashes: dict[str, tuple[bytes, str]]


async def read_secrets(tx: Tx, torrent_id: UUID) -> Secrets | None:
    """None: no such torrent."""
    row = await tx.fetchrow(READ_SECRETS, torrent_id)
    if row is None:
        return None
    hashes = {h["kind"]: (h["digest_ciphertext"], h["key_id"]) for h in await tx.fetch(READ_HASHES, torrent_id)}
    return Secrets(row["info_ciphertext"], row["layers_ciphertext"], row["key_id"], hashes)


SET_CRC32: Final = "UPDATE entries SET crc32 = $2 WHERE entry_id = $1"


async def set_crc32(tx: Tx, entry_id: UUID, crc32: int) -> None:
    """The whole file's, once all of it is stored."""
    await tx.execute(SET_CRC32, entry_id, crc32)


KEEP: Final = "UPDATE torrents SET deleting_at = NULL WHERE torrent_id = $1 AND deleting_at IS NOT NULL"
MARK_UNUSED: Final = """
UPDATE torrents SET deleting_at = clock_timestamp()
WHERE torrent_id = $1 AND deleting_at IS NULL AND NOT EXISTS (SELECT 1 FROM jobs WHERE torrent_id = $1)
"""


async def keep(tx: Tx, torrent_id: UUID) -> None:
    """A job wants it (again)."""
    await tx.execute(KEEP, torrent_id)


async def mark_unused(tx: Tx, torrent_id: UUID) -> None:
    """If no job is left, the sweep takes it once its objects are gone."""
    await tx.execute(MARK_UNUSED, torrent_id)


FIND_UNUSED: Final = "SELECT torrent_id FROM torrents WHERE deleting_at < clock_timestamp() - $1::interval LIMIT 100"


async def find_unused(tx: Tx, older_than: timedelta) -> list[UUID]:
    """Torrents that no job has wanted for a while."""
    return [row["torrent_id"] for row in await tx.fetch(FIND_UNUSED, older_than)]


PURGE: Final = """
WITH gone AS (
    SELECT t.torrent_id FROM torrents t
    WHERE t.torrent_id = $1 AND t.deleting_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.torrent_id = t.torrent_id)
      AND NOT EXISTS (SELECT 1 FROM transfers x JOIN jobs j USING (transfer_id)
                      WHERE x.torrent_id = t.torrent_id AND j.finished_at IS NULL)
      AND NOT EXISTS (SELECT 1 FROM entries e JOIN objects o USING (entry_id)
                      WHERE e.torrent_id = t.torrent_id AND o.state <> 'gone')
)
SELECT torrent_id FROM gone
"""
UNLINK_TRANSFERS: Final = """
UPDATE transfers SET joined_transfer_id = NULL
WHERE joined_transfer_id IN (SELECT transfer_id FROM transfers WHERE torrent_id = $1)
"""
UNLINK_JOBS: Final = """
UPDATE jobs SET transfer_id = NULL WHERE transfer_id IN (SELECT transfer_id FROM transfers WHERE torrent_id = $1)
"""
DELETE_TRANSFERS: Final = "DELETE FROM transfers WHERE torrent_id = $1"
DELETE: Final = "DELETE FROM torrents WHERE torrent_id = $1"


async def purge(tx: Tx, torrent_id: UUID) -> bool:
    """Remove a torrent that no job wants and that holds no object; False: not yet. The torrent's row is held."""
    if await tx.fetchval(PURGE, torrent_id) is None:
        return False
    await tx.execute(UNLINK_TRANSFERS, torrent_id)
    # Jobs that had ended when their magnet was absorbed belong to the verified torrent; their transfers do not.
    await tx.execute(UNLINK_JOBS, torrent_id)
    await tx.execute(DELETE_TRANSFERS, torrent_id)
    await tx.execute(DELETE, torrent_id)
    return True


COUNT_MISSING: Final = """
SELECT count(*) FROM entries e
WHERE e.torrent_id = $1 AND ($2::integer[] IS NULL OR e.file_index IN (SELECT unnest($2))) AND e.size_bytes > 0
  AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.entry_id = e.entry_id AND o.state = 'stored')
"""


async def count_missing(tx: Tx, torrent_id: UUID, selection: Sequence[int] | None) -> int:
    """Selected entries (None: all) that are not stored. Exact while the torrent's row is held."""
    return int(await tx.fetchval(COUNT_MISSING, torrent_id, selection))


UNMERGED: Final = """
SELECT DISTINCT h.torrent_id AS verified_id, m.torrent_id AS magnet_id
FROM magnet_hashes m JOIN torrent_hashes h USING (digest_index, index_key_version)
JOIN torrents t ON t.torrent_id = m.torrent_id
WHERE NOT h.unshared AND t.deleting_at IS NULL
  AND (h.scope_user_id = t.scope_user_id OR (h.scope_user_id IS NULL AND ($2 OR EXISTS (
      SELECT 1 FROM jobs j WHERE j.torrent_id = h.torrent_id AND j.user_id = t.scope_user_id))))
  AND NOT EXISTS (
      SELECT 1 FROM magnet_hashes claimed WHERE claimed.torrent_id = m.torrent_id AND NOT EXISTS (
          SELECT 1 FROM torrent_hashes own
          WHERE own.torrent_id = h.torrent_id AND own.digest_index = claimed.digest_index
            AND own.index_key_version = claimed.index_key_version))
ORDER BY 1, 2 LIMIT $1
"""


async def unmerged(tx: Tx, limit: int, *, with_all: bool) -> list[tuple[UUID, UUID]]:
    """`(verified, magnet)`: unverified magnets whose torrent, by all that they claim, is verified by now, where their
    users may share it: with all users (`with_all`), or with their own jobs only. One that no job is about any more
    (moved already) is only waiting to be purged."""
    return [(r["verified_id"], r["magnet_id"]) for r in await tx.fetch(UNMERGED, limit, with_all)]


READ_ROW: Final = f"SELECT {_columns} FROM torrents t WHERE torrent_id = $1"


async def read(tx: Tx, torrent_id: UUID) -> TorrentRow | None:
    """Without a lock: to know what to lock."""
    row = await tx.fetchrow(READ_ROW, torrent_id)
    return TorrentRow(**row) if row else None
