"""Who waits with work, in the order in which it is given out: see migrations/0004_lanes.sql, and decision 0008.

What is read here is read without locks: who claims locks, and looks again. No read looks at more lanes than fit on a
page, so that a claim costs the same whatever is queued.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from tseeder_pg import Record, Tx

PAGE: Final = 256
"""Lanes that one read looks at."""
DEPTH: Final = 64
"""Transfers of one lane that it looks at: those of an info-hash that the agent runs, and those too large for it."""
EACH: Final = 3
"""Candidates of one lane."""
CANDIDATES: Final = 32
"""Candidates of one read."""

Place: TypeAlias = tuple[int, int, datetime, UUID]
"""Where a walk stands: `(-priority, running, queued_at, payer)` of the last lane that it looked at."""

_open = "queued_at IS NOT NULL AND running < running_limit"

# What the agent runs already: libtorrent cannot run one info-hash twice. An expired lease counts, since the agent may
# still run it, and renew.
_digests = """
held AS MATERIALIZED (
    SELECT t.torrent_id FROM leases l JOIN transfers t USING (transfer_id) WHERE l.agent_id = $1
), digests AS MATERIALIZED (
    SELECT digest_index FROM torrent_hashes JOIN held USING (torrent_id)
    UNION SELECT digest_index FROM magnet_hashes JOIN held USING (torrent_id)
)"""

# Of one lane `l`, in its own order: what is due, fits, and is nothing that the agent runs. Counts, since they are asked
# transfer by transfer: EXISTS may be turned around, and then reads all that a crowd's digest is of.
_takeable = f"""
SELECT * FROM (
    SELECT t.transfer_id, t.torrent_id, t.priority AS plan_priority, t.disk_needed_bytes FROM transfers t
    WHERE t.payer_user_id = l.payer_user_id AND t.state = 'queued' AND t.not_before <= statement_timestamp()
    ORDER BY t.priority DESC, t.own_priority DESC, t.queued_at, t.transfer_id LIMIT {DEPTH}) t
WHERE t.disk_needed_bytes <= $2
  AND (SELECT count(*) FROM torrent_hashes h WHERE h.torrent_id = t.torrent_id
       AND h.digest_index = ANY (ARRAY(SELECT digest_index FROM digests))) = 0
  AND (SELECT count(*) FROM magnet_hashes m WHERE m.torrent_id = t.torrent_id
       AND m.digest_index = ANY (ARRAY(SELECT digest_index FROM digests))) = 0
LIMIT {EACH}
"""


def _walking(after: str) -> str:
    """One page of lanes in order, from a place on, and what can be taken from them. Each row says where it stands; a
    last one, without a transfer, where the page ended, if lanes may follow it."""
    return f"""
WITH {_digests}, page AS MATERIALIZED (
    SELECT -priority AS negated, running, queued_at, payer_user_id, only_digest FROM lanes
    WHERE {_open} {after} ORDER BY -priority, running, queued_at, payer_user_id LIMIT {PAGE}
), lane AS (
    SELECT * FROM page WHERE only_digest IS NULL OR only_digest NOT IN (SELECT digest_index FROM digests)
    ORDER BY negated, running, queued_at, payer_user_id
), found AS (
    SELECT t.transfer_id, l.payer_user_id, t.plan_priority, l.negated, l.running, l.queued_at
    FROM lane l CROSS JOIN LATERAL ({_takeable}) t
    ORDER BY l.negated, l.running, l.queued_at, l.payer_user_id LIMIT {CANDIDATES}
)
SELECT * FROM found
UNION ALL
(SELECT NULL, payer_user_id, NULL, negated, running, queued_at FROM page
 ORDER BY negated, running, queued_at, payer_user_id OFFSET {PAGE - 1})
"""


WALK: Final = _walking("")
WALK_ON: Final = _walking("AND (-priority, running, queued_at, payer_user_id) > ($3, $4, $5, $6)")

_beyond_all = f"'\\x{'ff' * 65}'::bytea"  # no digest has so many bytes

# Level by level (of plan priority and running), and in each between the digests that the agent runs: a few look-ups
# in lanes_by_digest for each gap, however many lanes lie in the crowds between.
JUMP: Final = f"""
WITH RECURSIVE {_digests}, levels AS (
    (SELECT -priority AS negated, running FROM lanes WHERE {_open} ORDER BY -priority, running LIMIT 1)
    UNION ALL
    SELECT n.negated, n.running FROM levels v CROSS JOIN LATERAL (
        SELECT -priority AS negated, running FROM lanes
        WHERE {_open} AND (-priority, running) > (v.negated, v.running) ORDER BY -priority, running LIMIT 1) n
), gaps AS MATERIALIZED (
    SELECT above, lead(above, 1, {_beyond_all}) OVER (ORDER BY above) AS below
    FROM (SELECT ''::bytea AS above UNION SELECT digest_index FROM digests) AS bounds
)
SELECT t.transfer_id, l.payer_user_id, t.plan_priority, v.running
FROM levels v CROSS JOIN LATERAL (
    (SELECT payer_user_id FROM lanes
     WHERE {_open} AND -priority = v.negated AND running = v.running AND only_digest IS NULL
     ORDER BY queued_at, payer_user_id LIMIT {CANDIDATES})
    UNION ALL
    (SELECT b.* FROM gaps g CROSS JOIN LATERAL (
        SELECT payer_user_id FROM lanes
        WHERE {_open} AND -priority = v.negated AND running = v.running
          AND only_digest > g.above AND only_digest < g.below
        ORDER BY only_digest, queued_at, payer_user_id LIMIT {CANDIDATES}) b)) l
CROSS JOIN LATERAL ({_takeable}) t
LIMIT {CANDIDATES}
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A transfer worth trying to claim, with what it was ranked by."""

    transfer_id: UUID
    payer_user_id: UUID
    priority: int  # of the plan
    running: int  # of the payer's

    @property
    def rank(self) -> tuple[int, int]:
        """Who has the lower one goes first; within one rank, the older."""
        return -self.priority, self.running


async def walk(
    tx: Tx, agent_id: str, disk_free_bytes: int, after: Place | None = None
) -> tuple[list[Candidate], Place | None]:
    """Candidates of one page of lanes, best first; and where it ended, None: there are no more lanes."""
    if after is None:
        rows = await tx.fetch(WALK, agent_id, disk_free_bytes)
    else:
        rows = await tx.fetch(WALK_ON, agent_id, disk_free_bytes, *after)
    ends = [row for row in rows if row["transfer_id"] is None]
    place = (ends[0]["negated"], ends[0]["running"], ends[0]["queued_at"], ends[0]["payer_user_id"]) if ends else None
    return _ranked(row for row in rows if row["transfer_id"] is not None), place


async def jump(tx: Tx, agent_id: str, disk_free_bytes: int) -> list[Candidate]:
    """Candidates past the crowds that wait with nothing but what the agent runs: the best ranks, not by age."""
    return _ranked(await tx.fetch(JUMP, agent_id, disk_free_bytes))


def _ranked(rows: Iterable[Record]) -> list[Candidate]:
    """The rows came in the order of lanes; one that is not its lane's first may have a lower plan priority."""
    found = [Candidate(r["transfer_id"], r["payer_user_id"], r["plan_priority"], r["running"]) for r in rows]
    return sorted(found, key=lambda each: each.rank)


OPEN_DUE: Final = """
SELECT count(keep_lane(payer_user_id)) FROM (
    SELECT payer_user_id FROM lanes WHERE due_at <= statement_timestamp()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
"""


async def open_due(tx: Tx, limit: int) -> int:
    """Put into their places lanes in which something that was put off is due; answers how many. The last that a
    transaction does: lanes come after all other locks."""
    return int(await tx.fetchval(OPEN_DUE, limit))


ANY_OPEN: Final = f"""
SELECT EXISTS (SELECT 1 FROM lanes WHERE {_open}) OR EXISTS (SELECT 1 FROM lanes WHERE due_at <= statement_timestamp())
"""


async def any_open(tx: Tx) -> bool:
    """Whether there may be something to claim."""
    return bool(await tx.fetchval(ANY_OPEN))


LOCK_SOON: Final = "SELECT set_config('lock_timeout', $1, true)"


async def wait_at_most(tx: Tx, wait: timedelta) -> None:
    """Locks that this transaction waits for longer end it, as UNAVAILABLE `database_conflict`."""
    await tx.execute(LOCK_SOON, f"{wait / timedelta(milliseconds=1):.0f}ms")
