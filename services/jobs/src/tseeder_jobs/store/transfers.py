"""Transfers: their state, their wish, and the queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import Reason, TransferRow
from tseeder_jobs.domain.states import TransferState
from tseeder_pg import Record, Tx

_columns = "transfer_id, torrent_id, state, epoch, wanted_version, payer_user_id, attempts_spent, deaths"


def _row(record: Record) -> TransferRow:
    return TransferRow(**{**record, "state": TransferState(record["state"])})


INSERT: Final = """
INSERT INTO transfers (transfer_id, torrent_id, state, payer_user_id, priority, disk_needed_bytes, traceparent)
VALUES ($1, $2, 'queued', $3, $4, $5, $6)
"""


async def insert(
    tx: Tx,
    transfer_id: UUID,
    torrent_id: UUID,
    *,
    payer_user_id: UUID,
    priority: int,
    disk_needed_bytes: int,
    traceparent: str | None,
) -> None:
    """Queued. The torrent's row is held, and it has no live transfer."""
    await tx.execute(INSERT, transfer_id, torrent_id, payer_user_id, priority, disk_needed_bytes, traceparent)


LOCK: Final = f"SELECT {_columns} FROM transfers WHERE transfer_id = $1 FOR UPDATE"


async def lock(tx: Tx, transfer_id: UUID) -> TransferRow | None:
    """Hold one transfer's row."""
    row = await tx.fetchrow(LOCK, transfer_id)
    return _row(row) if row else None


READ: Final = f"SELECT {_columns} FROM transfers WHERE transfer_id = $1"


async def read(tx: Tx, transfer_id: UUID) -> TransferRow | None:
    """Without a lock: to know what to lock."""
    row = await tx.fetchrow(READ, transfer_id)
    return _row(row) if row else None


LOCK_LIVE: Final = f"""
SELECT {_columns} FROM transfers
WHERE torrent_id = $1 AND state IN ('queued', 'resolving', 'downloading', 'storing', 'parked') FOR UPDATE
"""


async def lock_live(tx: Tx, torrent_id: UUID) -> TransferRow | None:
    """Hold a torrent's live transfer, if it has one. The torrent's row is held."""
    row = await tx.fetchrow(LOCK_LIVE, torrent_id)
    return _row(row) if row else None


MOVE: Final = """
UPDATE transfers SET state = $3, reason_code = $4, reason_message = $5, updated_at = clock_timestamp(),
    reason_at = CASE WHEN $4::text IS NULL THEN NULL
                     WHEN reason_code IS DISTINCT FROM $4 THEN clock_timestamp() ELSE reason_at END,
    ended_at = CASE WHEN $3 IN ('stored', 'failed', 'cancelled') THEN clock_timestamp() END,
    joined_transfer_id = $6,
    not_before = CASE WHEN $3 = 'queued' THEN greatest(not_before, clock_timestamp()) ELSE not_before END
WHERE transfer_id = $1 AND state = $2
"""


async def move(
    tx: Tx,
    transfer_id: UUID,
    *,
    old: TransferState,
    new: TransferState,
    reason: Reason | None = None,
    joined: UUID | None = None,
) -> bool:
    """Compare-and-set on the old state. The reason that stood there goes, unless a new one is given."""
    code, message = (reason.code, reason.message) if reason else (None, None)
    return await tx.execute(MOVE, transfer_id, old, new, code, message, joined) == "UPDATE 1"


REQUEUE: Final = """
UPDATE transfers SET state = 'queued', epoch = epoch + $3, queued_at = queued_at, updated_at = clock_timestamp(),
    not_before = clock_timestamp() + $4::interval, attempts_spent = $5, deaths = $6,
    reason_at = CASE WHEN reason_code IS DISTINCT FROM COALESCE($7, reason_code) THEN clock_timestamp()
                     ELSE reason_at END,
    reason_code = COALESCE($7, reason_code), reason_message = COALESCE($8, reason_message)
WHERE transfer_id = $1 AND state = $2
"""


async def requeue(
    tx: Tx,
    transfer: TransferRow,
    *,
    raise_epoch: bool,
    not_before: timedelta,
    attempts_spent: int,
    deaths: int,
    reason: Reason | None,
) -> bool:
    """Back to the queue, compare-and-set on the state that was read: by expiry with the same epoch (the same boot may
    renew), else with the next. Without a reason the one that stands there stays."""
    code, message = (reason.code, reason.message) if reason else (None, None)
    status = await tx.execute(
        REQUEUE,
        transfer.transfer_id,
        transfer.state,
        int(raise_epoch),
        not_before,
        attempts_spent,
        deaths,
        code,
        message,
    )
    return status == "UPDATE 1"


RAISE_EPOCH: Final = "UPDATE transfers SET epoch = epoch + 1 WHERE transfer_id = $1 RETURNING epoch"


async def raise_epoch(tx: Tx, transfer_id: UUID) -> int:
    """Whoever holds a lease of the old epoch is refused from now on."""
    return int(await tx.fetchval(RAISE_EPOCH, transfer_id))


SET_DEATHS: Final = "UPDATE transfers SET deaths = $2 WHERE transfer_id = $1"
FORGET_DEATHS: Final = "UPDATE transfers SET deaths = 0 WHERE transfer_id = $1 AND epoch = $2 AND deaths > 0"


async def set_deaths(tx: Tx, transfer_id: UUID, deaths: int) -> None:
    """So many leases in a row ended with their agent."""
    await tx.execute(SET_DEATHS, transfer_id, deaths)


async def forget_deaths(tx: Tx, transfer_id: UUID, epoch: int) -> None:
    """It got further under this epoch."""
    await tx.execute(FORGET_DEATHS, transfer_id, epoch)


SPEND: Final = "UPDATE transfers SET attempts_spent = $2, deaths = $3 WHERE transfer_id = $1"


async def spend(tx: Tx, transfer_id: UUID, attempts_spent: int, deaths: int) -> None:
    """What was spent and died up to its end, for the record."""
    await tx.execute(SPEND, transfer_id, attempts_spent, deaths)


SET_PROBLEM: Final = """
UPDATE transfers SET reason_code = $2, reason_message = $3, updated_at = clock_timestamp(),
    reason_at = CASE WHEN $2::text IS NULL THEN NULL
                     WHEN reason_code IS DISTINCT FROM $2 THEN clock_timestamp() ELSE reason_at END
WHERE transfer_id = $1 AND (reason_code IS DISTINCT FROM $2 OR reason_message IS DISTINCT FROM $3)
"""


async def set_problem(tx: Tx, transfer_id: UUID, reason: Reason | None) -> bool:
    """What holds it up now (None: nothing); False when that stood there already."""
    code, message = (reason.code, reason.message) if reason else (None, None)
    return await tx.execute(SET_PROBLEM, transfer_id, code, message) == "UPDATE 1"


READ_REASON: Final = "SELECT reason_code, reason_message FROM transfers WHERE transfer_id = $1"


async def read_reason(tx: Tx, transfer_id: UUID) -> Reason | None:
    """Why it failed, or what holds it up."""
    row = await tx.fetchrow(READ_REASON, transfer_id)
    return Reason(row["reason_code"], row["reason_message"] or "") if row and row["reason_code"] else None


REHOME: Final = "UPDATE transfers SET torrent_id = $2 WHERE transfer_id = $1"


async def rehome(tx: Tx, transfer_id: UUID, torrent_id: UUID) -> None:
    """To the verified torrent that its magnet turned out to be; both torrents' rows are held."""
    await tx.execute(REHOME, transfer_id, torrent_id)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a transfer now, by whom."""

    unpaused: int  # live jobs that are not paused
    paused: int
    payer_user_id: UUID | None  # of the oldest unpaused job
    priority: int
    own_priority: int  # the highest of the payer's unpaused jobs
    disk_bytes: int  # of all pieces on which a file lies that an unpaused job selected and that is not stored
    missing_files: int


# IN ... IS TRUE is hashed whatever the planner guesses: as a join, which the files of a torrent that was just written
# look too few for, it may take 10,000 times 10,000 rows.
READ_WISH: Final = """
WITH live AS (
    SELECT job_id, user_id, priority, own_priority, state FROM jobs
    WHERE transfer_id = $1 AND state IN ('queued', 'resolving', 'downloading', 'storing', 'paused')
), payer AS (
    SELECT user_id FROM live WHERE state <> 'paused' ORDER BY job_id LIMIT 1
), missing AS (
    SELECT e.piece_offset / t.piece_length AS first, (e.piece_offset + e.size_bytes - 1) / t.piece_length AS last,
           t.piece_length, t.piece_space_bytes
    FROM entries e JOIN torrents t USING (torrent_id)
    WHERE (e.entry_id IN (SELECT f.entry_id FROM files f JOIN live USING (job_id)
                          WHERE f.selected AND f.state = 'pending' AND live.state <> 'paused')) IS TRUE
      AND e.torrent_id = (SELECT torrent_id FROM transfers WHERE transfer_id = $1)
      AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.entry_id = e.entry_id AND o.state = 'stored')
), pieces AS (
    SELECT greatest(last - greatest(first, lag(last) OVER (ORDER BY first, last) + 1) + 1, 0) AS new_ones,
           piece_length, piece_space_bytes
    FROM missing
)
SELECT count(*) FILTER (WHERE state <> 'paused') AS unpaused,
       count(*) FILTER (WHERE state = 'paused') AS paused,
       (SELECT user_id FROM payer) AS payer_user_id,
       COALESCE(max(priority) FILTER (WHERE state <> 'paused'), 0) AS priority,
       COALESCE(max(own_priority) FILTER (WHERE state <> 'paused' AND user_id = (SELECT user_id FROM payer)), 0)
           AS own_priority,
       (SELECT COALESCE(least(sum(new_ones) * min(piece_length), min(piece_space_bytes)), 0)::bigint FROM pieces)
           AS disk_bytes,
       (SELECT count(*) FROM missing) AS missing_files
FROM live
"""


async def read_wish(tx: Tx, transfer_id: UUID) -> Wish:
    """Exact while the torrent's row is held."""
    row = await tx.fetchrow(READ_WISH, transfer_id)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return Wish(**row)


SET_WISH: Final = """
UPDATE transfers SET wanted_version = wanted_version + $2, payer_user_id = $3, priority = $4,
    own_priority = $5, disk_needed_bytes = $6, updated_at = clock_timestamp()
WHERE transfer_id = $1 RETURNING wanted_version
"""


async def set_wish(tx: Tx, transfer_id: UUID, wish: Wish, *, payer_user_id: UUID, changed: bool) -> int:
    """Write who pays and what is needed; `changed`: what is wanted is another than before. Answers the version."""
    rank = wish.priority, wish.own_priority
    return int(await tx.fetchval(SET_WISH, transfer_id, int(changed), payer_user_id, *rank, wish.disk_bytes))


LOCK_CLAIMABLE: Final = f"""
SELECT {_columns}, disk_needed_bytes, traceparent,
       extract(epoch FROM clock_timestamp() - not_before)::float8 AS waited_seconds
FROM transfers
WHERE transfer_id = $1 AND payer_user_id = $2 AND state = 'queued' AND not_before <= clock_timestamp()
FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Claimable:
    """A queued transfer that is held; `waited_seconds`: since it was to be had."""

    transfer: TransferRow
    disk_needed_bytes: int
    traceparent: str | None
    waited_seconds: float


async def lock_claimable(tx: Tx, transfer_id: UUID, payer_user_id: UUID) -> Claimable | None:
    """The transfer, if it is still queued, with that payer, and nobody holds it."""
    row = await tx.fetchrow(LOCK_CLAIMABLE, transfer_id, payer_user_id)
    if row is None:
        return None
    values = dict(row)
    own = {name: values.pop(name) for name in ("disk_needed_bytes", "traceparent", "waited_seconds")}
    return Claimable(TransferRow(**{**values, "state": TransferState(values["state"])}), **own)


SAME_DIGEST: Final = """
WITH mine AS (
    SELECT digest_index, index_key_version FROM torrent_hashes WHERE torrent_id = $1
    UNION ALL SELECT digest_index, index_key_version FROM magnet_hashes WHERE torrent_id = $1
), held AS (
    SELECT t.torrent_id FROM leases l JOIN transfers t USING (transfer_id) WHERE l.agent_id = $2
)
SELECT EXISTS (
    SELECT 1 FROM mine JOIN torrent_hashes h USING (digest_index, index_key_version) JOIN held USING (torrent_id)
    UNION ALL
    SELECT 1 FROM mine JOIN magnet_hashes h USING (digest_index, index_key_version) JOIN held USING (torrent_id))
"""


async def runs_same_digest(tx: Tx, torrent_id: UUID, agent_id: str) -> bool:
    """Whether this agent has a lease for the same info-hash, in any scope: libtorrent cannot run one twice.

    An expired one counts: the agent may still run it, and renew.
    """
    return bool(await tx.fetchval(SAME_DIGEST, torrent_id, agent_id))


CLAIM: Final = """
UPDATE transfers SET state = $2, epoch = epoch + 1, updated_at = clock_timestamp(), reason_code = NULL,
    reason_message = NULL, reason_at = NULL
WHERE transfer_id = $1 RETURNING epoch
"""


async def claim(tx: Tx, transfer_id: UUID, state: TransferState) -> int:
    """From queued to running under the next epoch."""
    return int(await tx.fetchval(CLAIM, transfer_id, state))


_largest = "(SELECT max(a.disk_bytes) FROM agents a WHERE a.last_heartbeat_at > clock_timestamp() - $1::interval)"

TOO_LARGE: Final = f"""
SELECT transfer_id FROM transfers WHERE state = 'queued' AND disk_needed_bytes > {_largest}
ORDER BY disk_needed_bytes DESC LIMIT 50
"""


async def too_large(tx: Tx, seen_within: timedelta) -> list[UUID]:
    """Queued transfers that need more disk than any agent has that was seen lately; none while no agent was."""
    return [row["transfer_id"] for row in await tx.fetch(TOO_LARGE, seen_within)]


IS_TOO_LARGE: Final = f"""
SELECT EXISTS (SELECT 1 FROM transfers WHERE transfer_id = $2 AND state = 'queued' AND disk_needed_bytes > {_largest})
"""


async def is_too_large(tx: Tx, seen_within: timedelta, transfer_id: UUID) -> bool:
    """Whether this one is of them."""
    return bool(await tx.fetchval(IS_TOO_LARGE, seen_within, transfer_id))


@dataclass(frozen=True, slots=True)
class WantedEntry:
    """An entry as a lease holder sees it."""

    entry_id: UUID
    file_index: int
    piece_offset: int
    size_bytes: int
    wanted: bool
    stored: bool
    upload_id: UUID | None
    part_size_bytes: int | None  # of the live upload


WANTED_ENTRIES: Final = """
SELECT e.entry_id, e.file_index, e.piece_offset, e.size_bytes,
       (e.entry_id IN (SELECT f.entry_id FROM files f JOIN jobs j USING (job_id)
                       WHERE f.selected AND f.state = 'pending' AND j.transfer_id = $1
                         AND j.state IN ('queued', 'resolving', 'downloading', 'storing'))) IS TRUE AS wanted,
       (e.size_bytes = 0 OR EXISTS (
           SELECT 1 FROM objects o WHERE o.entry_id = e.entry_id AND o.state = 'stored')) AS stored,
       u.upload_id, u.part_size_bytes
FROM entries e
LEFT JOIN uploads u ON u.entry_id = e.entry_id AND u.state IN ('opening', 'open', 'completing')
WHERE e.torrent_id = (SELECT torrent_id FROM transfers WHERE transfer_id = $1)
  AND ($2::integer[] IS NULL OR e.file_index = ANY($2))
ORDER BY e.file_index
"""


async def wanted_entries(tx: Tx, transfer_id: UUID, file_indexes: list[int] | None = None) -> list[WantedEntry]:
    """All entries of a transfer's torrent, or these of them, with who-wants-what folded into `wanted`."""
    return [WantedEntry(**row) for row in await tx.fetch(WANTED_ENTRIES, transfer_id, file_indexes)]


VIEWS: Final = """
SELECT j.job_id, array_agg(e.file_index ORDER BY e.file_index) AS indexes
FROM jobs j JOIN files f USING (job_id) JOIN entries e USING (entry_id)
WHERE j.transfer_id = $1 AND f.selected AND j.state IN ('queued', 'resolving', 'downloading', 'storing')
GROUP BY j.job_id ORDER BY j.job_id LIMIT $2
"""
BARE_VIEWS: Final = """
SELECT job_id FROM jobs WHERE transfer_id = $1 AND state IN ('queued', 'resolving', 'downloading', 'storing')
  AND file_count = 0 ORDER BY job_id LIMIT $2
"""


async def views(tx: Tx, transfer_id: UUID, limit: int = 1000) -> list[tuple[UUID, list[int]]]:
    """`(job_id, selected file indexes)` of the unpaused jobs; no indexes while metadata is unknown."""
    with_files = [(r["job_id"], list(r["indexes"])) for r in await tx.fetch(VIEWS, transfer_id, limit)]
    bare: list[tuple[UUID, list[int]]] = [(r["job_id"], []) for r in await tx.fetch(BARE_VIEWS, transfer_id, limit)]
    return with_files + bare
