"""A queue of any length, written by SQL instead of by so many submits: the rows are those that submits would leave."""

from __future__ import annotations

from typing import Final

import asyncpg

# Users, torrents and transfers get ids that follow from their numbers: user n has md5('user n').
USAGE: Final = """
INSERT INTO jobs.usage (user_id, live_jobs, plan_id, live_jobs_limit, running_limit, storage_limit_bytes, priority)
SELECT md5('user ' || n)::uuid, $1 / $2, 'bench', 2000000, 1000000, 1 << 40, 0 FROM generate_series(0, $2 - 1) n
"""
TORRENTS: Final = """
INSERT INTO jobs.torrents (torrent_id, scope_user_id)
SELECT md5('torrent ' || n)::uuid, md5('user ' || n % $2)::uuid FROM generate_series(0, $1 - 1) n
"""
MAGNETS: Final = """
INSERT INTO jobs.magnet_hashes (torrent_id, kind, digest_index, index_key_version, digest_ciphertext, key_id)
SELECT md5('torrent ' || n)::uuid, 'v1', sha256(int8send(n % $2)), 1, '\\x00', 'bench' FROM generate_series(0, $1 - 1) n
"""
TRANSFERS: Final = """
INSERT INTO jobs.transfers (transfer_id, torrent_id, state, payer_user_id, not_before, queued_at)
SELECT md5('transfer ' || n)::uuid, md5('torrent ' || n)::uuid, 'queued', md5('user ' || n % $2)::uuid, at, at
FROM generate_series(0, $1 - 1) n, LATERAL (SELECT now() - interval '1 hour' + n * interval '1 ms' AS at) a
"""
JOBS: Final = """
INSERT INTO jobs.jobs (job_id, user_id, torrent_id, transfer_id, state, source_kind, source_ciphertext, key_id)
SELECT md5('job ' || n)::uuid, md5('user ' || n % $2)::uuid, md5('torrent ' || n)::uuid, md5('transfer ' || n)::uuid,
       'queued', 'magnet', '\\x00', 'bench'
FROM generate_series(0, $1 - 1) n
"""
LANES: Final = """
INSERT INTO jobs.lanes (payer_user_id, running_limit, priority, queued_at, only_digest)
SELECT t.payer_user_id, 1000000, 0, min(t.queued_at), CASE WHEN count(*) = 1 THEN min(m.digest_index) END
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
    return sql.replace("$1", str(transfers)).replace("$2", str(second))
