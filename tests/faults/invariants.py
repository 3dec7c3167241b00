"""What must hold whatever failed, proven on the databases and S3: I1 to I5 of the design's fault tests.

Each check answers the violations that it sees, in words; none of them: []. A fault test that waits for healing calls
them until they are empty.
"""

from __future__ import annotations

import asyncio
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from tseeder_pg import Connection, connection, open_pool
from tseeder_stack.s3 import S3Server, signed


async def violations(
    jobs_url: str,
    s3: S3Server | None = None,
    *,
    accepted: Collection[UUID] = (),
    deleted: Collection[UUID] = (),
    contents: Mapping[tuple[UUID, int], str] | None = None,
) -> list[str]:
    """All that is wrong now. `jobs_url`: a database URL of the jobs service's role.

    `accepted` and `deleted` are the client's own log of its 2xx; `contents` is the SHA-256 that the torrent data has,
    by (job id, file index).
    """
    async with _connected(jobs_url) as held:
        found = [*await i1_jobs(held, accepted, deleted), *await i4_usage(held), *await i5_epochs(held)]
        found += await lanes_kept(held)
        if s3 is not None:
            found += await i3_owners(held, s3)
        if s3 is not None and not found:  # reading all bytes may take long
            found += await i2_contents(held, s3, contents or {})
    return found


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    async with open_pool(url, min_size=0, max_size=1, application_name="invariants") as pool:
        async with connection(pool) as held:
            yield held


async def i1_jobs(held: Connection, accepted: Collection[UUID], deleted: Collection[UUID]) -> list[str]:
    """Every accepted job is there, in one terminal state or still moving: on a transfer that lives, or waiting for
    nothing. (That a state is legal, and that an end has its time, the schema itself holds.)"""
    rows = await held.fetch("SELECT job_id FROM jobs WHERE job_id = ANY($1::uuid[])", list(accepted))
    there = {row["job_id"] for row in rows}
    found = [f"I1: accepted job {job} is gone" for job in set(accepted) - set(deleted) - there]
    found += [f"I1: deleted job {job} is there" for job in set(deleted) & there]
    return found + await _told(held, _JOBS_SQL)


_JOBS_SQL = {
    "I1: a live job waits on no live transfer": """
        SELECT j.job_id FROM jobs j LEFT JOIN transfers t USING (transfer_id)
        WHERE j.finished_at IS NULL AND (t.transfer_id IS NULL OR t.ended_at IS NOT NULL)""",
    "I1: a live job waits on a transfer of another torrent": """
        SELECT j.job_id FROM jobs j JOIN transfers t USING (transfer_id)
        WHERE j.finished_at IS NULL AND t.torrent_id <> j.torrent_id""",
    "I1: a live job has nothing to wait for": """
        SELECT j.job_id FROM jobs j WHERE j.finished_at IS NULL AND j.file_count > 0
          AND NOT EXISTS (SELECT 1 FROM files f WHERE f.job_id = j.job_id AND f.selected AND f.state = 'pending')""",
    "I1: a completed job still waits for a file": """
        SELECT j.job_id FROM jobs j WHERE j.state = 'completed'
          AND EXISTS (SELECT 1 FROM files f WHERE f.job_id = j.job_id AND f.selected AND f.state = 'pending')""",
    "I1: a job's totals are not those of its files": """
        SELECT j.job_id FROM jobs j
        CROSS JOIN LATERAL (
            SELECT count(*) AS files, count(*) FILTER (WHERE f.selected) AS wanted,
                   count(*) FILTER (WHERE f.selected AND f.state = 'stored') AS stored,
                   COALESCE(sum(e.size_bytes) FILTER (WHERE f.selected AND f.state = 'stored'), 0) AS bytes
            FROM files f JOIN entries e USING (entry_id) WHERE f.job_id = j.job_id) c
        WHERE (j.file_count, j.wanted_files, j.stored_files, j.stored_bytes)
              IS DISTINCT FROM (c.files::int, c.wanted::int, c.stored::int, c.bytes::bigint)""",
    "I1: a job's oldest file is not its oldest stored one": """
        SELECT j.job_id FROM jobs j
        WHERE j.oldest_stored_at IS DISTINCT FROM (SELECT min(f.stored_at) FROM files f WHERE f.job_id = j.job_id)""",
    "I1: a running transfer has no lease": """
        SELECT t.transfer_id FROM transfers t LEFT JOIN leases l USING (transfer_id)
        WHERE t.state IN ('resolving', 'downloading', 'storing') AND (l.transfer_id IS NULL OR l.expired)""",
    "I1: a lease is held of a transfer that does not run, or under another epoch": """
        SELECT t.transfer_id FROM transfers t JOIN leases l USING (transfer_id)
        WHERE (NOT l.expired AND t.state NOT IN ('resolving', 'downloading', 'storing')) OR l.epoch > t.epoch""",
    "I1: a stored file has no stored object": """
        SELECT f.file_id FROM files f JOIN entries e USING (entry_id)
        WHERE f.state = 'stored' AND e.size_bytes > 0
          AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.entry_id = f.entry_id AND o.state = 'stored')""",
}


async def i4_usage(held: Connection) -> list[str]:
    """Each user's usage equals the sum of that user's files, over distinct entries; charges say the same."""
    return await _told(held, _USAGE_SQL)


_HELD_SQL = """
    SELECT f.user_id, f.entry_id, e.size_bytes AS bytes,
           CASE WHEN bool_or(f.state = 'stored') THEN 'charged' ELSE 'reserved' END AS kind
    FROM files f JOIN entries e USING (entry_id)
    WHERE f.state = 'stored' OR (f.state = 'pending' AND f.selected)
    GROUP BY f.user_id, f.entry_id, e.size_bytes
"""
_USAGE_SQL = {
    "I4: a charge is not what the user's files say": f"""
        WITH held AS ({_HELD_SQL})
        SELECT COALESCE(h.user_id, c.user_id) FROM held h
        FULL JOIN charges c ON c.user_id = h.user_id AND c.entry_id = h.entry_id
        WHERE (h.bytes, h.kind) IS DISTINCT FROM (c.bytes, c.kind)""",  # noqa: S608
    "I4: usage is not the sum of the user's files": f"""
        WITH held AS ({_HELD_SQL}), sums AS (
            SELECT user_id, COALESCE(sum(bytes) FILTER (WHERE kind = 'reserved'), 0) AS reserved,
                   COALESCE(sum(bytes) FILTER (WHERE kind = 'charged'), 0) AS charged
            FROM held GROUP BY user_id)
        SELECT COALESCE(u.user_id, s.user_id) FROM usage u FULL JOIN sums s ON s.user_id = u.user_id
        WHERE (COALESCE(u.reserved_bytes, 0), COALESCE(u.charged_bytes, 0))
              <> (COALESCE(s.reserved, 0), COALESCE(s.charged, 0))""",  # noqa: S608
    "I4: the count of live jobs is wrong": """
        SELECT u.user_id FROM usage u
        WHERE u.live_jobs <> (SELECT count(*) FROM jobs j WHERE j.user_id = u.user_id AND j.finished_at IS NULL)""",
}


async def lanes_kept(held: Connection) -> list[str]:
    """Each payer's lane is what a recount of his transfers says; one that is due is looked at when somebody claims."""
    return await _told(held, _LANES_SQL)


_LANES_SQL = {
    "lanes: who has queued or running transfers has no lane": """
        SELECT t.payer_user_id FROM transfers t LEFT JOIN lanes l USING (payer_user_id)
        WHERE t.state IN ('queued', 'resolving', 'downloading', 'storing') AND l.payer_user_id IS NULL""",
    "lanes: what runs, or may run, is counted wrong": """
        SELECT l.payer_user_id FROM lanes l LEFT JOIN usage u ON u.user_id = l.payer_user_id
        WHERE (l.running, l.running_limit) IS DISTINCT FROM (
            (SELECT count(*)::int FROM transfers t WHERE t.payer_user_id = l.payer_user_id
               AND t.state IN ('resolving', 'downloading', 'storing')),
            COALESCE(u.running_limit, 0))""",
    "lanes: one stands in a wrong place": """
        SELECT l.payer_user_id FROM lanes l LEFT JOIN LATERAL (
            SELECT t.priority, t.queued_at FROM transfers t
            WHERE t.payer_user_id = l.payer_user_id AND t.state = 'queued' AND t.not_before <= statement_timestamp()
            ORDER BY t.priority DESC, t.own_priority DESC, t.queued_at, t.transfer_id LIMIT 1) first_one ON true
        WHERE (l.due_at IS NULL OR l.due_at > statement_timestamp())
          AND (l.priority, l.queued_at) IS DISTINCT FROM (first_one.priority, first_one.queued_at)""",
    "lanes: what was put off is not looked for in time": """
        SELECT l.payer_user_id FROM lanes l
        WHERE l.due_at IS DISTINCT FROM (
            SELECT min(t.not_before) FROM transfers t WHERE t.payer_user_id = l.payer_user_id
              AND t.state = 'queued' AND t.not_before > statement_timestamp())
          AND (l.due_at IS NULL OR l.due_at > statement_timestamp())""",
    "lanes: an only info-hash is not the only one": """
        SELECT l.payer_user_id FROM lanes l
        WHERE l.only_digest IS NOT NULL AND (l.due_at IS NULL OR l.due_at > statement_timestamp())
          AND EXISTS (SELECT 1 FROM transfers t WHERE t.payer_user_id = l.payer_user_id AND t.state = 'queued'
                      AND NOT EXISTS (SELECT 1 FROM torrent_hashes h WHERE h.torrent_id = t.torrent_id
                                      AND h.digest_index = l.only_digest)
                      AND NOT EXISTS (SELECT 1 FROM magnet_hashes m WHERE m.torrent_id = t.torrent_id
                                      AND m.digest_index = l.only_digest)
                      AND t.not_before <= statement_timestamp())""",
}


async def i5_epochs(held: Connection) -> list[str]:
    """No write was accepted under an epoch that was over, or that nobody ever had."""
    return await _told(held, _EPOCHS_SQL)


_EPOCHS_SQL = {
    "I5: an object was planned after a later epoch had begun": """
        SELECT o.object_key FROM objects o JOIN attempts a USING (transfer_id)
        WHERE a.epoch > o.epoch AND o.created_at > a.started_at""",
    "I5: an object was planned under an epoch that no agent had": """
        SELECT o.object_key FROM objects o JOIN transfers t USING (transfer_id)
        WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE (a.transfer_id, a.epoch) = (o.transfer_id, o.epoch))""",
    "I5: two attempts at one transfer overlap": """
        SELECT a.transfer_id FROM attempts a JOIN attempts b USING (transfer_id)
        WHERE b.epoch > a.epoch AND (a.ended_at IS NULL OR a.ended_at > b.started_at)""",
}


async def i3_owners(held: Connection, s3: S3Server) -> list[str]:
    """Every object and every open upload at S3 is owned by a row that wants it there."""
    keys = await asyncio.to_thread(object_keys, s3)
    every = await held.fetch("SELECT object_key, state, delete_after - clock_timestamp() AS due FROM objects")
    rows = [row for row in every if row["state"] in ("writing", "stored")]
    known_as = {row["object_key"]: f"{row['state']}, due in {row['due']}" for row in every}
    owned = {row["object_key"] for row in rows}
    found = [f"I3: object {key} has no owner ({known_as.get(key, 'no row')})" for key in keys - owned]
    found += [f"I3: object {row['object_key']} is not there" for row in rows if _missing(row["state"], row[0], keys)]
    open_now = await asyncio.to_thread(open_uploads, s3)
    rows = await held.fetch("SELECT s3_upload_id FROM uploads WHERE state IN ('open', 'completing')")
    known = {row["s3_upload_id"] for row in rows}
    return found + [f"I3: upload {upload} of {key} has no owner" for key, upload in open_now if upload not in known]


def _missing(state: str, key: str, keys: Collection[str]) -> bool:
    return state == "stored" and key not in keys


async def i2_contents(held: Connection, s3: S3Server, contents: Mapping[tuple[UUID, int], str]) -> list[str]:
    """Every stored object that `contents` knows has that SHA-256."""
    rows = await held.fetch(
        """SELECT f.job_id, e.file_index, o.object_key FROM files f JOIN entries e USING (entry_id)
           JOIN objects o ON o.entry_id = e.entry_id AND o.state = 'stored' WHERE f.state = 'stored'"""
    )
    found = []
    for row in rows:
        wanted = contents.get((row["job_id"], row["file_index"]))
        if wanted is not None and await asyncio.to_thread(object_sha256, s3, row["object_key"]) != wanted:
            found.append(f"I2: file {row['file_index']} of job {row['job_id']} has other bytes")
    return found


async def _told(held: Connection, checks: Mapping[str, str]) -> list[str]:
    return [f"{text}: {row[0]}" for text, sql in checks.items() for row in await held.fetch(sql)]


def object_keys(s3: S3Server) -> set[str]:
    """All keys in the bucket. Blocking."""
    return {key for page in _pages(s3, {"list-type": "2"}) for key in _texts(page, "Contents", "Key")}


def open_uploads(s3: S3Server) -> list[tuple[str, str]]:
    """`(key, upload id)` of all open multipart uploads. Blocking."""
    status, body = signed(s3, "GET", f"/{s3.bucket}", query={"uploads": ""})
    if status == 404:  # rclone, while no upload was opened since it started
        return []
    if status != 200:
        raise AssertionError(f"S3 answers {status} to a list of uploads")
    root = ET.fromstring(body)  # noqa: S314
    return list(zip(_texts(root, "Upload", "Key"), _texts(root, "Upload", "UploadId"), strict=True))


def object_sha256(s3: S3Server, key: str) -> str | None:
    """Of the bytes under a key; None if there are none. Blocking."""
    digest = hashlib.sha256()
    status, _ = signed(s3, "GET", f"/{s3.bucket}/{key}", take=digest.update)
    return digest.hexdigest() if status == 200 else None


def _pages(s3: S3Server, query: dict[str, str]) -> Iterable[ET.Element]:
    token: str | None = ""
    while token is not None:
        status, body = signed(
            s3, "GET", f"/{s3.bucket}", query=query | ({"continuation-token": token} if token else {})
        )
        if status != 200:
            raise AssertionError(f"S3 answers {status} to a list of objects")
        root = ET.fromstring(body)  # noqa: S314
        yield root
        token = next((item.text for item in root.iter() if item.tag.endswith("}NextContinuationToken")), None)


def _texts(root: ET.Element, parent: str, child: str) -> list[str]:
    """The texts of `child` in each `parent`, whatever namespace the server uses."""
    parents = [item for item in root.iter() if item.tag.rpartition("}")[2] == parent]
    return [part.text or "" for item in parents for part in item if part.tag.rpartition("}")[2] == child]
