"""What object storage holds in all, as the rows know it."""

from __future__ import annotations

from typing import Final

from tseeder_jobs.domain.leftovers import StorageTotals
from tseeder_pg import Tx

MEASURE: Final = """
INSERT INTO storage_totals (measured_at, stored_objects, stored_bytes, writing_objects, deleting_objects,
                            deleting_bytes, open_uploads, reserved_bytes, charged_bytes)
SELECT clock_timestamp(), o.stored, o.stored_bytes, o.writing, o.deleting, o.deleting_bytes,
       (SELECT count(*) FROM uploads WHERE state IN ('opening', 'open', 'completing')), u.reserved, u.charged
FROM (SELECT count(*) FILTER (WHERE state = 'stored') AS stored,
             COALESCE(sum(size_bytes) FILTER (WHERE state = 'stored'), 0)::bigint AS stored_bytes,
             count(*) FILTER (WHERE state = 'writing') AS writing,
             count(*) FILTER (WHERE state = 'deleting') AS deleting,
             COALESCE(sum(size_bytes) FILTER (WHERE state = 'deleting'), 0)::bigint AS deleting_bytes
      FROM objects) o
CROSS JOIN (SELECT COALESCE(sum(reserved_bytes), 0)::bigint AS reserved,
                   COALESCE(sum(charged_bytes), 0)::bigint AS charged FROM usage) u
ON CONFLICT (one) DO UPDATE SET measured_at = excluded.measured_at, stored_objects = excluded.stored_objects,
    stored_bytes = excluded.stored_bytes, writing_objects = excluded.writing_objects,
    deleting_objects = excluded.deleting_objects, deleting_bytes = excluded.deleting_bytes,
    open_uploads = excluded.open_uploads, reserved_bytes = excluded.reserved_bytes,
    charged_bytes = excluded.charged_bytes
"""


async def measure(tx: Tx) -> None:
    """Count anew. It reads every object's row: not for a call that somebody waits for."""
    await tx.execute(MEASURE)


READ: Final = """
SELECT measured_at, stored_objects, stored_bytes, writing_objects, deleting_objects, deleting_bytes, open_uploads,
       reserved_bytes, charged_bytes
FROM storage_totals
"""


async def read(tx: Tx) -> StorageTotals | None:
    """As they were counted last; None: never yet."""
    row = await tx.fetchrow(READ)
    return StorageTotals(**row) if row else None
