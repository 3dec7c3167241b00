"""A queue of any length, written by SQL instead of by so many submits: the rows are those that submits would leave."""

from __future__ import annotations

import re
from typing import Final

import asyncpg

# $1: how many transfers; $2: of how many users, or info-hashes; <n>: the id of row n. Ids come in order, as UUIDv7 do.
USAGE: Final = """
INSERT INTO jobs.usage (user_id, live_jobs, plan_id, live_jobs_limit, running_limit, storage_limit_bytes, priority)
SELECT <n>, $1 / $2, 'bench', 2000000, 1000000, 1000000000000, 0 FROM generate_series(0, $2 - 1) n
"""
TORRENTS: Final = """
INSERT INTO jobs.torrents (torrent_id, scope_user_id)
SELECT <n>, <n % $2> FROM generate_series(0, $1 - 1) n
"""
MAGNETS: Final = """
INSERT INTO jobs.magnet_hashes (torrent_id, kind, digest_index, index_key_version, digest_ciphertext, key_id)
SELECT <n>, 'v1', sha256(int8send(n % $2)), 1, '\\x00', 'bench' FROM generate_series(0, $1 - 1) n
"""
TRANSFERS: Final = """
INSERT INTO jobs.transfers (transfer_id, torrent_id, state, payer_user_id, not_before, queued_at)
SELECT <n>, <n>, 'queued', <n % $2>, at, at
FROM generate_series(0, $1 - 1) n, LATERAL (SELECT now() - interval '1 hour' + n * interval '1 ms' AS at) a
"""
JOBS: Final = """
INSERT INTO jobs.jobs (job_id, user_id, torrent_id, transfer_id, state, source_kind, source_ciphertext, key_id)
SELECT <n>, <n % $2>, <n>, <n>, 'queued', 'magnet', '\\x00', 'bench'
FROM generate_series(0, $1 - 1) n
"""
LANES: Final = """
INSERT INTO jobs.lanes (payer_user_id, running_limit, priority, queued_at, only_digest)
SELECT t.payer_user_id, 1000000, 0, min(t.queued_at), CASE WHEN count(*) = 1 THEN (array_agg(m.digest_index))[1] END
FROM jobs.transfers t JOIN jobs.magnet_hashes m USING (torrent_id) GROUP BY t.payer_user_id
"""


async def fill(admin_url: str, transfers: int, users: int, digests: int | None = None) -> None:
    """Queue that many magnets, of so many users in turn, of that many info-hashes in turn (None: each of its own).

    As the superuser, with triggers and foreign keys off: what they would do is done here at once. Half a minute for a
    million.
    """
    con = await asyncpg.connect(admin_url, command_timeout=900)
    try:
        await con.execute("SET session_replication_role = replica")
        for sql in (USAGE, TORRENTS, TRANSFERS, JOBS):
            await con.execute(_with(sql, transfers, users))
        await con.execute(_with(MAGNETS, transfers, digests or transfers))
        await con.execute("ANALYZE jobs.transfers, jobs.magnet_hashes")
        await con.execute(LANES)
        await con.execute("VACUUM ANALYZE")
    finally:
        await con.close()


def _with(sql: str, transfers: int, second: int) -> str:
    """Numbers in place of $1 and $2: their types are then those that generate_series wants."""
    sql = re.sub(r"<(n[^>]*)>", r"lpad(to_hex(\1), 32, '0')::uuid", sql)
    return sql.replace("$1", str(transfers)).replace("$2", str(second))
