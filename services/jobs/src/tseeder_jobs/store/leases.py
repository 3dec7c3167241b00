"""Leases, and attempts: their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.reads import Holder
from tseeder_jobs.domain.rows import AttemptRow, LeaseRow, Reason
from tseeder_jobs.domain.states import TransferState
from tseeder_pg import Record, Tx

_columns = "transfer_id, epoch, agent_id, boot_id, expires_at, expired, state_before"


def _row(record: Record) -> LeaseRow:
    before = record["state_before"]
    return LeaseRow(**{**record, "state_before": TransferState(before) if before else None})


TAKE: Final = """
INSERT INTO leases (transfer_id, epoch, agent_id, boot_id, expires_at, disk_reserved_bytes)
VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval, $6)
ON CONFLICT (transfer_id) DO UPDATE SET epoch = excluded.epoch, agent_id = excluded.agent_id,
    boot_id = excluded.boot_id, expires_at = excluded.expires_at, expired = false, state_before = NULL,
    wanted_version_seen = 0, disk_reserved_bytes = excluded.disk_reserved_bytes, claimed_at = clock_timestamp()
RETURNING expires_at
"""


async def take(
    tx: Tx, transfer_id: UUID, *, epoch: int, agent_id: str, boot_id: UUID, lasts: timedelta, disk_bytes: int
) -> datetime:
    """Give the transfer to this boot, over an expired lease if one stands there. Answers when it expires."""
    expires: datetime = await tx.fetchval(TAKE, transfer_id, epoch, agent_id, boot_id, lasts, disk_bytes)
    return expires


LOCK: Final = f"SELECT {_columns} FROM leases WHERE transfer_id = $1 FOR UPDATE"


async def lock(tx: Tx, transfer_id: UUID) -> LeaseRow | None:
    """Hold a transfer's lease row. The transfer's row is held."""
    row = await tx.fetchrow(LOCK, transfer_id)
    return _row(row) if row else None


HOLDER: Final = """
SELECT a.agent_id, a.boot_id, l.transfer_id, l.epoch, a.read_url, a.credential_hash
FROM jobs j JOIN leases l USING (transfer_id) JOIN agents a ON a.agent_id = l.agent_id AND a.boot_id = l.boot_id
WHERE j.job_id = $1 AND j.state IN ('downloading', 'storing') AND a.read_url <> ''
  AND NOT l.expired AND l.expires_at > clock_timestamp() AND a.credential_expires_at > clock_timestamp()
"""


async def holder(tx: Tx, job_id: UUID) -> Holder | None:
    """Who runs this job's transfer now, and serves reads."""
    row = await tx.fetchrow(HOLDER, job_id)
    return Holder(**row) if row else None


RESERVE: Final = "UPDATE leases SET disk_reserved_bytes = $2 WHERE transfer_id = $1"


async def reserve(tx: Tx, transfer_id: UUID, disk_bytes: int) -> None:
    """What the agent keeps of its disk for it from now on, or else gives the lease back. The lease's row is held."""
    await tx.execute(RESERVE, transfer_id, disk_bytes)


DROP: Final = "DELETE FROM leases WHERE transfer_id = $1 RETURNING agent_id"


async def drop(tx: Tx, transfer_id: UUID) -> str | None:
    """The agent that held it, live or expired; None: nobody did."""
    agent: str | None = await tx.fetchval(DROP, transfer_id)
    return agent


SHARE_HELD: Final = """
SELECT t.torrent_id, t.state, t.wanted_version, t.deaths
FROM transfers t JOIN leases l USING (transfer_id)
WHERE t.transfer_id = $1 AND l.epoch = $2 AND t.epoch = $2 AND l.agent_id = $3 AND l.boot_id = $4 AND NOT l.expired
FOR SHARE OF t
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A transfer whose lease the caller holds; it stays so until the transaction ends."""

    torrent_id: UUID
    state: TransferState
    wanted_version: int
    deaths: int


async def share_held(tx: Tx, transfer_id: UUID, epoch: int, agent_id: str, boot_id: UUID) -> Held | None:
    """None: this boot does not hold that epoch. Claim, release and cancel wait until the transaction ends."""
    row = await tx.fetchrow(SHARE_HELD, transfer_id, epoch, agent_id, boot_id)
    return Held(**{**row, "state": TransferState(row["state"])}) if row else None


RENEW: Final = """
WITH named AS (
    SELECT l.transfer_id FROM leases l
    JOIN unnest($1::uuid[], $2::bigint[]) AS n (transfer_id, epoch)
      ON n.transfer_id = l.transfer_id AND n.epoch = l.epoch
    WHERE l.agent_id = $4 AND l.boot_id = $5 AND NOT l.expired
    ORDER BY l.transfer_id FOR UPDATE OF l
)
UPDATE leases l SET expires_at = clock_timestamp() + $6::interval, wanted_version_seen = n.seen
FROM named JOIN unnest($1::uuid[], $3::bigint[]) AS n (transfer_id, seen) USING (transfer_id)
WHERE l.transfer_id = named.transfer_id
RETURNING l.transfer_id
"""


async def renew(
    tx: Tx,
    named: Sequence[tuple[UUID, int, int]],
    *,
    agent_id: str,
    boot_id: UUID,
    lasts: timedelta,
) -> set[UUID]:
    """Renew those of `(transfer_id, epoch, wanted_version seen)` that this boot holds; answers them."""
    rows = await tx.fetch(
        RENEW, [n[0] for n in named], [n[1] for n in named], [n[2] for n in named], agent_id, boot_id, lasts
    )
    return {row["transfer_id"] for row in rows}


RESTORABLE: Final = """
SELECT l.transfer_id FROM leases l JOIN transfers t USING (transfer_id)
JOIN unnest($1::uuid[], $2::bigint[]) AS n (transfer_id, epoch)
  ON n.transfer_id = l.transfer_id AND n.epoch = l.epoch AND n.epoch = t.epoch
WHERE l.agent_id = $3 AND l.boot_id = $4 AND l.expired AND t.state = 'queued'
"""


async def restorable(tx: Tx, named: Sequence[tuple[UUID, int]], *, agent_id: str, boot_id: UUID) -> list[UUID]:
    """Transfers whose lease of this boot expired, and that nobody claimed since."""
    rows = await tx.fetch(RESTORABLE, [n[0] for n in named], [n[1] for n in named], agent_id, boot_id)
    return [row["transfer_id"] for row in rows]


RESTORE: Final = """
UPDATE leases SET expired = false, state_before = NULL, expires_at = clock_timestamp() + $2::interval
WHERE transfer_id = $1
"""


async def restore(tx: Tx, transfer_id: UUID, lasts: timedelta) -> None:
    """The same boot renewed in time. Transfer and lease rows are held."""
    await tx.execute(RESTORE, transfer_id, lasts)


FORGET: Final = """
WITH gone AS (
    DELETE FROM leases WHERE agent_id = $1 AND boot_id = $2 AND expired AND transfer_id <> ALL($3::uuid[])
    RETURNING transfer_id, epoch
)
UPDATE attempts a SET ended_at = clock_timestamp(), outcome = 'expired' FROM gone
WHERE a.transfer_id = gone.transfer_id AND a.epoch = gone.epoch AND a.ended_at IS NULL
"""


async def forget(tx: Tx, agent_id: str, boot_id: UUID, named: Sequence[UUID]) -> bool:
    """Expired leases of this boot that it does not name: it never heard of them, or has given them up. Whether there
    was one. While they stood its agent would be given no transfer of their info-hashes, theirs included."""
    return await tx.execute(FORGET, agent_id, boot_id, named) != "UPDATE 0"


EXPIRE: Final = "UPDATE leases SET expired = true, state_before = $2 WHERE transfer_id = $1"


async def expire(tx: Tx, transfer_id: UUID, state_before: TransferState) -> None:
    """The transfer goes back to the queue with the same epoch."""
    await tx.execute(EXPIRE, transfer_id, state_before)


FIND_EXPIRED: Final = """
SELECT transfer_id FROM leases WHERE NOT expired AND expires_at < clock_timestamp() ORDER BY expires_at LIMIT $1
"""


async def find_expired(tx: Tx, limit: int) -> list[UUID]:
    """Leases past their time that nobody marked yet."""
    return [row["transfer_id"] for row in await tx.fetch(FIND_EXPIRED, limit)]


STILL_LATE: Final = "SELECT expires_at < clock_timestamp() FROM leases WHERE transfer_id = $1"


async def still_late(tx: Tx, transfer_id: UUID) -> bool:
    """Whether the held lease row is past its time by the database's clock."""
    return bool(await tx.fetchval(STILL_LATE, transfer_id))


OF_AGENT: Final = """
SELECT transfer_id, epoch, boot_id FROM leases WHERE agent_id = $1 AND boot_id <> $2 ORDER BY transfer_id
"""
OF_BOOT: Final = "SELECT transfer_id, epoch FROM leases WHERE agent_id = $1 AND boot_id = $2 AND NOT expired"


async def of_older_boots(tx: Tx, agent_id: str, boot_id: UUID) -> list[tuple[UUID, int]]:
    """Leases that earlier boots of this agent left: `(transfer_id, epoch)`."""
    return [(r["transfer_id"], r["epoch"]) for r in await tx.fetch(OF_AGENT, agent_id, boot_id)]


async def of_boot(tx: Tx, agent_id: str, boot_id: UUID) -> set[tuple[UUID, int]]:
    """Leases that this boot holds."""
    return {(r["transfer_id"], r["epoch"]) for r in await tx.fetch(OF_BOOT, agent_id, boot_id)}


KEEPABLE: Final = """
SELECT transfer_id FROM transfers WHERE transfer_id = ANY($1::uuid[]) AND state IN ('queued', 'parked')
"""


async def keepable(tx: Tx, transfer_ids: Sequence[UUID]) -> set[UUID]:
    """Those that may come back to whoever had them: they live, and nobody runs them."""
    return {row["transfer_id"] for row in await tx.fetch(KEEPABLE, transfer_ids)}


ORDERS: Final = """
SELECT t.transfer_id, t.wanted_version, EXISTS (
    SELECT 1 FROM jobs j WHERE j.transfer_id = t.transfer_id
      AND j.state IN ('queued', 'resolving', 'downloading', 'storing')) AS wanted
FROM transfers t JOIN unnest($1::uuid[], $2::bigint[]) AS n (transfer_id, seen) USING (transfer_id)
WHERE t.wanted_version <> n.seen
"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A transfer whose wish is newer than its agent knows."""

    transfer_id: UUID
    wanted_version: int
    wanted: bool  # False: everybody paused


async def orders(tx: Tx, seen: Sequence[tuple[UUID, int]]) -> list[OrderRow]:
    """Of `(transfer_id, wanted_version seen)`: those that moved on."""
    return [OrderRow(**row) for row in await tx.fetch(ORDERS, [s[0] for s in seen], [s[1] for s in seen])]


BEGIN_ATTEMPT: Final = """
INSERT INTO attempts (transfer_id, epoch, agent_id, boot_id) VALUES ($1, $2, $3, $4)
"""
END_ATTEMPTS: Final = """
UPDATE attempts SET ended_at = clock_timestamp(), outcome = $2, reason_code = $3, reason_message = $4
WHERE transfer_id = $1 AND ended_at IS NULL
"""


async def begin_attempt(tx: Tx, transfer_id: UUID, epoch: int, agent_id: str, boot_id: UUID) -> None:
    """A lease began."""
    await tx.execute(BEGIN_ATTEMPT, transfer_id, epoch, agent_id, boot_id)


async def end_attempts(tx: Tx, transfer_id: UUID, outcome: str, reason: Reason | None = None) -> bool:
    """Whatever lease was open ended so; whether there was one."""
    code, message = (reason.code, reason.message) if reason else (None, None)
    return await tx.execute(END_ATTEMPTS, transfer_id, outcome, code, message) != "UPDATE 0"


READ_ATTEMPTS: Final = """
SELECT epoch, agent_id, started_at, ended_at, outcome, reason_code, reason_message
FROM attempts WHERE transfer_id = $1 ORDER BY epoch DESC LIMIT $2
"""


async def read_attempts(tx: Tx, transfer_id: UUID, limit: int) -> list[AttemptRow]:
    """A transfer's leases, newest first."""
    return [AttemptRow(**row) for row in await tx.fetch(READ_ATTEMPTS, transfer_id, limit)]


BEAT: Final = """
UPDATE reaper_pulse SET
    reap_not_before = CASE WHEN clock_timestamp() - beat_at > $1::interval
                           THEN clock_timestamp() + $2::interval ELSE reap_not_before END,
    beat_at = clock_timestamp()
RETURNING reap_not_before <= clock_timestamp() AS may_reap
"""


async def beat(tx: Tx, away_after: timedelta, grace: timedelta) -> bool:
    """The reaper's pulse. After a silence longer than `away_after` (jobs or Postgres was away, so that nobody could
    renew) nothing may be reaped for `grace`. Answers whether leases may be reaped now."""
    return bool(await tx.fetchval(BEAT, away_after, grace))


HELD_TWIN: Final = """
SELECT EXISTS (
    SELECT 1 FROM torrent_hashes mine
    JOIN torrent_hashes h USING (digest_index, index_key_version)
    JOIN transfers t ON t.torrent_id = h.torrent_id
    JOIN leases l USING (transfer_id)
    WHERE mine.torrent_id = $1 AND h.torrent_id <> $1 AND l.agent_id = $2)
"""


async def holds_twin(tx: Tx, torrent_id: UUID, agent_id: str) -> bool:
    """Whether this agent has a lease for another verified torrent of the same info-hash: one that is not shared with
    this one, since it would be the same else."""
    return bool(await tx.fetchval(HELD_TWIN, torrent_id, agent_id))
