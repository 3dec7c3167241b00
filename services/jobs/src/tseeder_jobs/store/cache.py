"""What is stored already of torrents that somebody asks about by their info-hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from tseeder_jobs.domain.cached import Cached
from tseeder_jobs.domain.sealed import Blind
from tseeder_pg import Tx


@dataclass(frozen=True, slots=True)
class Scope:
    """Which torrents count: shared ones that a new job of this user would join, or (`own_jobs`) those of his jobs.

    `common`: of the torrents that all share, `any`, those that he has a `held` job on, or `none`.
    """

    user_id: UUID
    common: Literal["any", "held", "none"]
    own_jobs: bool = False


# Which torrent a number means is decided first, so that each is counted once, however often it is asked for. A digest
# that was taken down is absent, by itself and by the other hash of its torrent. Of several torrents the one that a
# submit would join comes first: with `any` that of all, else the user's own; of his jobs' unshared ones the fullest.
CHECK: Final = """
WITH asked AS (
    SELECT a.number, a.value, a.version FROM unnest($1::integer[], $2::bytea[], $3::smallint[])
        AS a (number, value, version)
), found AS (
    SELECT a.number, h.torrent_id,
           CASE WHEN (h.scope_user_id IS NULL) = ($5 = 'any') THEN 0 ELSE 1 END AS place
    FROM asked a JOIN torrent_hashes h ON h.digest_index = a.value AND h.index_key_version = a.version
    WHERE CASE
            WHEN $6 THEN EXISTS (SELECT 1 FROM jobs j WHERE j.torrent_id = h.torrent_id AND j.user_id = $4)
            WHEN h.unshared THEN false
            WHEN h.scope_user_id IS NOT NULL THEN h.scope_user_id = $4
            WHEN $5 = 'held' THEN EXISTS (SELECT 1 FROM jobs j WHERE j.torrent_id = h.torrent_id AND j.user_id = $4)
            ELSE $5 = 'any' END
      AND NOT EXISTS (
          SELECT 1 FROM asked b JOIN takedowns t ON t.digest_index = b.value AND t.index_key_version = b.version
          WHERE b.number = a.number)
      AND NOT EXISTS (
          SELECT 1 FROM torrent_hashes alias JOIN takedowns t USING (digest_index, index_key_version)
          WHERE alias.torrent_id = h.torrent_id)
), counted AS (
    SELECT e.torrent_id, sum(e.size_bytes)::bigint AS total_bytes, count(*) AS file_count,
           COALESCE(sum(e.size_bytes) FILTER (WHERE o.object_id IS NOT NULL), 0)::bigint AS stored_bytes,
           count(*) FILTER (WHERE o.object_id IS NOT NULL OR e.size_bytes = 0) AS stored_files
    FROM entries e LEFT JOIN objects o ON o.entry_id = e.entry_id AND o.state = 'stored'
    WHERE e.torrent_id IN (SELECT torrent_id FROM found)
    GROUP BY e.torrent_id
)
SELECT DISTINCT ON (f.number) f.number, c.total_bytes, c.stored_bytes, c.file_count, c.stored_files
FROM found f JOIN counted c USING (torrent_id)
ORDER BY f.number, CASE WHEN $6 THEN 0 ELSE f.place END, CASE WHEN $6 THEN -c.stored_bytes END, f.torrent_id
"""


async def check(tx: Tx, asked: Sequence[Sequence[Blind]], scope: Scope) -> dict[int, Cached]:
    """By the place in `asked` (each one digest, under every live key version): what is stored of its torrent. Those
    that `scope` does not let know, or that nobody has, are left out. One statement for all."""
    flat = [(number, blind) for number, blinds in enumerate(asked) for blind in blinds]
    rows = await tx.fetch(
        CHECK,
        [number for number, _ in flat],
        [blind.value for _, blind in flat],
        [blind.version for _, blind in flat],
        scope.user_id,
        scope.common,
        scope.own_jobs,
    )
    return {row["number"]: Cached(**{name: row[name] for name in Cached.__slots__}) for row in rows}
