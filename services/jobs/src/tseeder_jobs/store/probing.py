"""What ffprobe said of entries, and which stored objects it has still to look into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.media_facts import MediaFacts, facts_from_json, facts_to_json
from tseeder_pg import Record, Tx

DUE: Final = """
SELECT o.object_id, o.object_key, o.size_bytes, o.probes, e.entry_id, e.path, e.sniffed_type,
       EXISTS (SELECT 1 FROM media_facts m WHERE m.entry_id = e.entry_id) AS known
FROM objects o JOIN entries e USING (entry_id)
WHERE o.state = 'stored' AND o.probe_after <= now() AND o.sniffed ORDER BY o.probe_after LIMIT $1
"""


async def due(tx: Tx, limit: int) -> list[Record]:
    """`object_id, object_key, size_bytes, probes, entry_id, path, sniffed_type, known` of some: nobody looks into them
    now. `known`: there is no need to."""
    return await tx.fetch(DUE, limit)


CLAIM: Final = """
UPDATE objects SET probe_after = clock_timestamp() + $2::interval, probes = probes + 1
WHERE object_id = (SELECT object_id FROM objects WHERE object_id = $1 AND state = 'stored' AND probe_after <= now()
                   FOR UPDATE SKIP LOCKED)
RETURNING probes
"""


async def claim(tx: Tx, object_id: UUID, lasts: timedelta) -> int | None:
    """From now on this caller looks into it, for so long, the how manieth time; None: somebody else does, or did."""
    value: int | None = await tx.fetchval(CLAIM, object_id, lasts)
    return value


PUT_OFF: Final = """
UPDATE objects SET probe_after = clock_timestamp() + $2::interval, probes = $3
WHERE object_id = $1 AND probe_after IS NOT NULL
"""


async def put_off(tx: Tx, object_id: UUID, pause: timedelta, probes: int) -> None:
    """It is looked into again after `pause`; it was, `probes` times."""
    await tx.execute(PUT_OFF, object_id, pause, probes)


DONE: Final = "UPDATE objects SET probe_after = NULL WHERE object_id = ANY($1::uuid[])"


async def done(tx: Tx, object_ids: Sequence[UUID]) -> None:
    """These need no look any more."""
    await tx.execute(DONE, object_ids)


KEEP: Final = """
INSERT INTO media_facts (entry_id, outcome, facts) SELECT entry_id, $2, $3::jsonb FROM entries WHERE entry_id = $1
ON CONFLICT (entry_id) DO UPDATE SET outcome = $2, facts = $3::jsonb, probed_at = clock_timestamp()
WHERE media_facts.outcome <> 'found'
"""


async def keep(tx: Tx, entry_id: UUID, outcome: str, facts: MediaFacts | None) -> None:
    """What came of it, unless it is known already. The entry is held; one that is gone meanwhile has none."""
    await tx.execute(KEEP, entry_id, outcome, facts_to_json(facts) if facts is not None else None)


FACTS: Final = "SELECT facts FROM media_facts WHERE entry_id = $1 AND outcome = 'found'"


async def facts(tx: Tx, entry_id: UUID) -> MediaFacts | None:
    """As far as they are known."""
    text: str | None = await tx.fetchval(FACTS, entry_id)
    return None if text is None else facts_from_json(text)
