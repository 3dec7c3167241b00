"""What a diagnosis is drawn from, beside the job's own row: its transfer, its queue, its attempts, its sighting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.states import TransferState
from tseeder_pg import Tx

WRITE_SIGHTING: Final = """
INSERT INTO sightings AS s (transfer_id, epoch, evidence_ciphertext, key_id) VALUES ($1, $2, $3, $4)
ON CONFLICT (transfer_id) DO UPDATE SET epoch = excluded.epoch, seen_at = clock_timestamp(),
    evidence_ciphertext = excluded.evidence_ciphertext, key_id = excluded.key_id
WHERE s.epoch <= excluded.epoch
"""


async def write_sighting(tx: Tx, transfer_id: UUID, epoch: int, ciphertext: bytes, key_id: str) -> None:
    """What the holder of this epoch sees now, instead of what was seen before. The transfer's row is held."""
    await tx.execute(WRITE_SIGHTING, transfer_id, epoch, ciphertext, key_id)


@dataclass(frozen=True, slots=True)
class SightingRow:
    """The newest one of a transfer, sealed."""

    epoch: int
    seen_at: datetime
    evidence_ciphertext: bytes
    key_id: str


READ_SIGHTING: Final = "SELECT epoch, seen_at, evidence_ciphertext, key_id FROM sightings WHERE transfer_id = $1"


async def read_sighting(tx: Tx, transfer_id: UUID) -> SightingRow | None:
    """None: no holder has told anything yet."""
    row = await tx.fetchrow(READ_SIGHTING, transfer_id)
    return SightingRow(**row) if row else None


FORGET_SIGHTING: Final = "DELETE FROM sightings WHERE transfer_id = $1"


async def forget_sighting(tx: Tx, transfer_id: UUID) -> None:
    """Nobody asks about this transfer any more, and what was seen names trackers with their passkeys."""
    await tx.execute(FORGET_SIGHTING, transfer_id)


FORGET_UNWANTED: Final = """
DELETE FROM sightings WHERE transfer_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE transfer_id = $1)
"""


async def forget_unwanted_sighting(tx: Tx, transfer_id: UUID) -> None:
    """The same, once the last job of the transfer is deleted: until then the others are told why they failed."""
    await tx.execute(FORGET_UNWANTED, transfer_id)


@dataclass(frozen=True, slots=True)
class Standing:
    """A transfer and its lease. `waits_since`: when its last lease ended, or it was made; `now`: Postgres' clock."""

    state: TransferState
    payer_user_id: UUID
    reason_code: str | None
    reason_message: str | None
    reason_at: datetime
    not_before: datetime
    attempts_spent: int
    disk_needed_bytes: int
    claimed_at: datetime | None
    waits_since: datetime
    now: datetime


READ_STANDING: Final = """
SELECT t.state, t.payer_user_id, t.reason_code, t.reason_message, COALESCE(t.reason_at, t.updated_at) AS reason_at,
       t.not_before, t.attempts_spent, t.disk_needed_bytes,
       CASE WHEN NOT l.expired THEN l.claimed_at END AS claimed_at,
       greatest(t.queued_at, (SELECT max(a.ended_at) FROM attempts a WHERE a.transfer_id = t.transfer_id),
                CASE WHEN l.expired THEN l.expires_at END) AS waits_since,
       clock_timestamp() AS now
FROM transfers t LEFT JOIN leases l USING (transfer_id) WHERE t.transfer_id = $1
"""


async def read_standing(tx: Tx, transfer_id: UUID) -> Standing | None:
    """Without a lock."""
    row = await tx.fetchrow(READ_STANDING, transfer_id)
    return Standing(**{**row, "state": TransferState(row["state"])}) if row else None


READ_OWN_SOURCES: Final = "SELECT source_ciphertext, key_id FROM jobs WHERE job_id = $1"


async def read_own_sources(tx: Tx, job_id: UUID) -> tuple[bytes, str] | None:
    """One job's sealed trackers and passkeys: `(ciphertext, key id)`."""
    row = await tx.fetchrow(READ_OWN_SOURCES, job_id)
    return (row["source_ciphertext"], row["key_id"]) if row else None


COUNT_AHEAD: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM transfers t JOIN transfers w USING (payer_user_id)
    WHERE t.transfer_id = $1 AND w.state = 'queued' AND w.not_before <= clock_timestamp()
      AND (w.priority > t.priority OR (w.priority = t.priority AND (
           w.own_priority > t.own_priority OR (w.own_priority = t.own_priority
           AND (w.queued_at, w.transfer_id) < (t.queued_at, t.transfer_id)))))
    LIMIT 1000) AS ahead
"""


async def count_ahead(tx: Tx, transfer_id: UUID) -> int:
    """Transfers of the same payer that could be had and are claimed before this one; counted to 1000."""
    return int(await tx.fetchval(COUNT_AHEAD, transfer_id))


@dataclass(frozen=True, slots=True)
class FleetRow:
    """Agents, each group within the one before: alive, open, taking (a free slot), roomy (the disk, too)."""

    alive: int
    open: int
    taking: int
    roomy: int
    largest_disk_bytes: int
    last_seen_at: datetime | None


READ_FLEET: Final = """
WITH fleet AS (
    SELECT a.last_heartbeat_at, a.disk_bytes, a.last_heartbeat_at > clock_timestamp() - $1::interval AS alive,
           NOT (a.cordoned OR a.draining OR a.drain_ordered) AS open,
           count(l.transfer_id) < a.transfers_capacity AS free,
           least(a.disk_free_bytes, a.disk_bytes - COALESCE(sum(l.disk_reserved_bytes), 0)::bigint) >= $2 AS roomy
    FROM agents a LEFT JOIN leases l ON l.agent_id = a.agent_id AND l.boot_id = a.boot_id AND NOT l.expired
    GROUP BY a.agent_id
)
SELECT count(*) FILTER (WHERE alive) AS alive,
       count(*) FILTER (WHERE alive AND open) AS open,
       count(*) FILTER (WHERE alive AND open AND free) AS taking,
       count(*) FILTER (WHERE alive AND open AND free AND roomy) AS roomy,
       COALESCE(max(disk_bytes) FILTER (WHERE alive), 0) AS largest_disk_bytes,
       max(last_heartbeat_at) AS last_seen_at
FROM fleet
"""


async def read_fleet(tx: Tx, seen_within: timedelta, disk_needed_bytes: int) -> FleetRow:
    """Alive is who beat within `seen_within`; `disk_needed_bytes` is what a roomy one has free."""
    row = await tx.fetchrow(READ_FLEET, seen_within, disk_needed_bytes)
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return FleetRow(**row)
