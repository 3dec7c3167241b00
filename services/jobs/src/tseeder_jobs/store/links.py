"""Links: rights to read one file each, for whoever holds their token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.links import HeldLink, LinkRow
from tseeder_kit.throttle import Tally
from tseeder_pg import Record, Tx

_select = """
SELECT l.link_id, l.file_id, l.job_id, e.path, l.token_prefix, l.password_hash IS NOT NULL AS has_password,
       l.download_limit, l.downloads, l.last_counted_at, l.created_at, l.expires_at
FROM links l JOIN files f USING (file_id) JOIN entries e USING (entry_id)
"""


def _row(record: Record) -> LinkRow:
    return LinkRow(**record)


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a link has of its own; the rest it shares with those that the same request makes."""

    link_id: UUID
    job_id: UUID
    file_id: UUID
    token_hash: bytes = field(repr=False)
    token_prefix: str


@dataclass(frozen=True, slots=True)
class Shared:
    """The rest."""

    user_id: UUID
    password_hash: str | None = field(repr=False)
    download_limit: int | None
    expires_at: datetime
    idempotency_key: str | None
    fingerprint: bytes


INSERT: Final = """
INSERT INTO links (link_id, job_id, file_id, token_hash, token_prefix,
                   user_id, password_hash, download_limit, expires_at, idempotency_key, fingerprint)
SELECT n.link_id, n.job_id, n.file_id, n.token_hash, n.token_prefix, $6, $7, $8, $9, $10, $11
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::text[])
     AS n (link_id, job_id, file_id, token_hash, token_prefix)
"""


async def insert(tx: Tx, made: Sequence[NewLink], shared: Shared) -> None:
    """Their owner's links are locked, and so are their jobs."""
    await tx.execute(
        INSERT,
        [link.link_id for link in made],
        [link.job_id for link in made],
        [link.file_id for link in made],
        [link.token_hash for link in made],
        [link.token_prefix for link in made],
        shared.user_id,
        shared.password_hash,
        shared.download_limit,
        shared.expires_at,
        shared.idempotency_key,
        shared.fingerprint,
    )


LOCK_FILES: Final = """
SELECT j.job_id FROM jobs j
WHERE j.job_id IN (SELECT f.job_id FROM files f WHERE f.file_id = ANY($1::uuid[]) AND f.user_id = $2)
ORDER BY j.job_id FOR KEY SHARE
"""
FILES: Final = """
SELECT file_id, job_id FROM files WHERE file_id = ANY($1::uuid[]) AND user_id = $2 AND state <> 'deleted'
"""


async def lock_files(tx: Tx, user_id: UUID, file_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The user's own among these files, with their jobs, none of which goes away meanwhile."""
    await tx.fetch(LOCK_FILES, file_ids, user_id)
    return {row["file_id"]: row["job_id"] for row in await tx.fetch(FILES, file_ids, user_id)}


COUNT: Final = "SELECT count(*) FROM links WHERE user_id = $1"


async def count(tx: Tx, user_id: UUID) -> int:
    """How many rows the user has, ended ones among them."""
    return int(await tx.fetchval(COUNT, user_id))


DROP_ENDED: Final = """
DELETE FROM links l WHERE l.user_id = $1 AND (l.ends_at <= clock_timestamp() OR NOT EXISTS (
    SELECT 1 FROM files f WHERE f.file_id = l.file_id AND f.state <> 'deleted'))
"""


async def drop_ended(tx: Tx, user_id: UUID) -> None:
    """Those of the user that open nothing any more."""
    await tx.execute(DROP_ENDED, user_id)


OF_REQUEST: Final = """
SELECT link_id, fingerprint, revoked_at IS NOT NULL AS revoked FROM links
WHERE user_id = $1 AND idempotency_key = $2 ORDER BY link_id
"""


async def of_request(tx: Tx, user_id: UUID, idempotency_key: str) -> list[Record]:
    """`link_id, fingerprint, revoked` of what an earlier request with this key made, in its order."""
    return await tx.fetch(OF_REQUEST, user_id, idempotency_key)


READ: Final = f"{_select} WHERE l.link_id = ANY($1::uuid[]) AND f.state <> 'deleted' ORDER BY l.link_id"


async def read(tx: Tx, link_ids: Sequence[UUID]) -> list[LinkRow]:
    """These links, in the order in which they were made, without those whose file is gone."""
    return [_row(row) for row in await tx.fetch(READ, link_ids)]


PAGE_OF_USER: Final = f"""{_select}
WHERE l.user_id = $1 AND ($2::uuid IS NULL OR l.link_id < $2)
  AND l.ends_at > clock_timestamp() AND f.state <> 'deleted'
ORDER BY l.link_id DESC LIMIT $3
"""


async def page_of_user(tx: Tx, user_id: UUID, *, before: UUID | None, limit: int) -> list[LinkRow]:
    """The user's links that have not ended, newest first."""
    return [_row(row) for row in await tx.fetch(PAGE_OF_USER, user_id, before, limit)]


PAGE_OF_FILE: Final = f"""{_select}
WHERE l.job_id = $1 AND l.file_id = $2 AND ($3::uuid IS NULL OR l.link_id < $3)
  AND l.ends_at > clock_timestamp() AND f.state <> 'deleted'
ORDER BY l.link_id DESC LIMIT $4
"""


async def page_of_file(tx: Tx, job_id: UUID, file_id: UUID, *, before: UUID | None, limit: int) -> list[LinkRow]:
    """The same for one file."""
    return [_row(row) for row in await tx.fetch(PAGE_OF_FILE, job_id, file_id, before, limit)]


REVOKE: Final = """
UPDATE links SET revoked_at = COALESCE(revoked_at, clock_timestamp()) WHERE link_id = $1 AND user_id = $2
RETURNING true
"""


async def revoke(tx: Tx, link_id: UUID, user_id: UUID) -> bool:
    """False: the user has no such link."""
    return bool(await tx.fetchval(REVOKE, link_id, user_id))


DELETE_OF_FILE: Final = "DELETE FROM links WHERE job_id = $1 AND file_id = $2"


async def delete_of_file(tx: Tx, job_id: UUID, file_id: UUID) -> None:
    """Its owner gave the file up. (Those of a job go with its row.)"""
    await tx.execute(DELETE_OF_FILE, job_id, file_id)


DELETE_OF_ENDED: Final = """
DELETE FROM links USING files f WHERE links.job_id = $1 AND f.file_id = links.file_id AND f.state = 'deleted'
"""


async def delete_of_ended(tx: Tx, job_id: UUID) -> None:
    """Those to files of a job that are given up."""
    await tx.execute(DELETE_OF_ENDED, job_id)


HELD: Final = """
SELECT link_id, user_id, file_id, password_hash, download_limit IS NOT NULL AS limited,
       (downloads >= download_limit AND last_counted_at <= clock_timestamp() - $2::interval) IS TRUE AS spent
FROM links WHERE token_hash = $1 AND ends_at > clock_timestamp()
  AND NOT EXISTS (SELECT 1 FROM closed_accounts c WHERE c.user_id = links.user_id)
"""


async def held(tx: Tx, token_hash: bytes, resumed_for: timedelta) -> HeldLink | None:
    """The link that opens to this token; None: no such link, one that ended, or whose owner's account is closed."""
    row = await tx.fetchrow(HELD, token_hash, resumed_for)
    return HeldLink(**row) if row else None


COUNT_DOWNLOAD: Final = """
UPDATE links SET downloads = downloads + 1, last_counted_at = clock_timestamp()
WHERE token_hash = $1 AND ends_at > clock_timestamp() AND (download_limit IS NULL OR downloads < download_limit)
RETURNING true
"""


async def count_download(tx: Tx, token_hash: bytes) -> bool:
    """False: the link was downloaded as often as it may be, or it has ended. Any number at once are counted right: the
    row is locked, and looked at again."""
    return bool(await tx.fetchval(COUNT_DOWNLOAD, token_hash))


OWNER: Final = "SELECT user_id FROM links WHERE token_hash = $1"


async def owner(tx: Tx, token_hash: bytes) -> UUID | None:
    """Whose link this is, or was."""
    found: UUID | None = await tx.fetchval(OWNER, token_hash)
    return found


LOCK_TALLY: Final = """
SELECT password_failures, password_tried_at, blocked_until, clock_timestamp() AS now
FROM links WHERE link_id = $1 FOR UPDATE
"""


async def lock_tally(tx: Tx, link_id: UUID) -> tuple[Tally, datetime] | None:
    """The tries at its password, locked, and the database's time after that; None: the link is gone."""
    row = await tx.fetchrow(LOCK_TALLY, link_id)
    if row is None:
        return None
    return Tally(row["password_failures"], row["password_tried_at"], row["blocked_until"]), row["now"]


SAVE_TALLY: Final = """
UPDATE links SET password_failures = $2, password_tried_at = $3, blocked_until = $4 WHERE link_id = $1
"""


async def save_tally(tx: Tx, link_id: UUID, tally: Tally) -> None:
    """Writes a row that is locked."""
    await tx.execute(SAVE_TALLY, link_id, tally.failures, tally.last_at, tally.blocked_until)


TRIM: Final = "DELETE FROM links WHERE ends_at < clock_timestamp() - $1::interval"


async def trim(tx: Tx, kept: timedelta) -> None:
    """Those that ended so long ago."""
    await tx.execute(TRIM, kept)
