"""The registry of agents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.rows import AgentRow
from tseeder_pg import Record, Tx

_columns = """agent_id, boot_id, cordoned, draining, drain_ordered, transfers_capacity, disk_bytes, disk_free_bytes,
software_version, registered_at, last_heartbeat_at"""


REGISTER: Final = """
INSERT INTO agents AS a (agent_id, boot_id, credential_hash, credential_expires_at, read_url, transfers_capacity,
                         disk_bytes, disk_free_bytes, software_version)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval, $5, $6, $7, $7, $8)
ON CONFLICT (agent_id) DO UPDATE SET boot_id = excluded.boot_id, credential_hash = excluded.credential_hash,
    credential_expires_at = excluded.credential_expires_at, read_url = excluded.read_url,
    transfers_capacity = excluded.transfers_capacity, disk_bytes = excluded.disk_bytes, draining = false,
    software_version = excluded.software_version, registered_at = clock_timestamp(),
    last_heartbeat_at = clock_timestamp()
RETURNING credential_expires_at
"""


async def register(
    tx: Tx,
    agent_id: str,
    boot_id: UUID,
    credential_hash: bytes,
    *,
    credential_lasts: timedelta,
    read_url: str,
    transfers_capacity: int,
    disk_bytes: int,
    software_version: str,
) -> datetime:
    """The newest boot takes the id; the older one's credential is worth nothing from now on."""
    expires: datetime = await tx.fetchval(
        REGISTER,
        agent_id,
        boot_id,
        credential_hash,
        credential_lasts,
        read_url,
        transfers_capacity,
        disk_bytes,
        software_version,
    )
    return expires


AUTHENTICATE: Final = """
SELECT agent_id, boot_id FROM agents WHERE credential_hash = $1 AND credential_expires_at > clock_timestamp()
"""


async def authenticate(tx: Tx, credential_hash: bytes) -> tuple[str, UUID] | None:
    """`(agent_id, boot_id)` of a live credential."""
    row = await tx.fetchrow(AUTHENTICATE, credential_hash)
    return (row["agent_id"], row["boot_id"]) if row else None


LOCK: Final = f"SELECT {_columns} FROM agents WHERE agent_id = $1 FOR UPDATE"


async def lock(tx: Tx, agent_id: str) -> AgentRow | None:
    """Hold the agent's row: its claims go one after the other. Taken before everything else."""
    row = await tx.fetchrow(LOCK, agent_id)
    return AgentRow(**row) if row else None


BEAT: Final = f"""
UPDATE agents SET last_heartbeat_at = clock_timestamp(), disk_free_bytes = $3, draining = $4,
    credential_expires_at = clock_timestamp() + $5::interval
WHERE agent_id = $1 AND boot_id = $2 RETURNING {_columns}
"""


async def beat(
    tx: Tx, agent_id: str, boot_id: UUID, *, disk_free_bytes: int, draining: bool, credential_lasts: timedelta
) -> AgentRow | None:
    """A heartbeat renews the credential; None: a newer boot has the id."""
    row = await tx.fetchrow(BEAT, agent_id, boot_id, disk_free_bytes, draining, credential_lasts)
    return AgentRow(**row) if row else None


HISTORY: Final = """
INSERT INTO agent_heartbeats (agent_id, minute, leases, disk_free_bytes)
VALUES ($1, date_trunc('minute', clock_timestamp()), $2, $3)
ON CONFLICT (agent_id, minute) DO UPDATE SET leases = excluded.leases, disk_free_bytes = excluded.disk_free_bytes
"""


async def add_history(tx: Tx, agent_id: str, leases: int, disk_free_bytes: int) -> None:
    """One row a minute."""
    await tx.execute(HISTORY, agent_id, leases, disk_free_bytes)


LIST: Final = f"""
SELECT {_columns}, (SELECT count(*) FROM leases l WHERE l.agent_id = agents.agent_id AND NOT l.expired) AS leases
FROM agents ORDER BY agent_id
"""


async def list_all(tx: Tx) -> list[tuple[AgentRow, int]]:
    """Every agent that ever registered, with how many leases it holds."""
    return [_split(row) for row in await tx.fetch(LIST)]


def _split(row: Record) -> tuple[AgentRow, int]:
    values = dict(row)
    leases = int(values.pop("leases"))
    return AgentRow(**values), leases


SET_CORDON: Final = "UPDATE agents SET cordoned = $2 WHERE agent_id = $1"


async def set_cordon(tx: Tx, agent_id: str, cordoned: bool) -> bool:
    """False: no such agent."""
    return await tx.execute(SET_CORDON, agent_id, cordoned) == "UPDATE 1"


SET_DRAIN: Final = "UPDATE agents SET drain_ordered = $2 WHERE agent_id = $1"


async def set_drain(tx: Tx, agent_id: str, drain: bool) -> bool:
    """False: no such agent. Claims of it that are under way hold its row: they come before this, or see it."""
    return await tx.execute(SET_DRAIN, agent_id, drain) == "UPDATE 1"


TRIM_HISTORY: Final = "DELETE FROM agent_heartbeats WHERE minute < clock_timestamp() - $1::interval"


async def trim_history(tx: Tx, kept: timedelta) -> None:
    """Forget heartbeats older than `kept`."""
    await tx.execute(TRIM_HISTORY, kept)
