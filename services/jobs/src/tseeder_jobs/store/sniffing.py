"""Which stored objects nobody has looked into yet, to see what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tseeder_pg import Record, Tx

TO_SNIFF: Final = """
SELECT o.object_id, o.object_key, e.entry_id, e.path FROM objects o JOIN entries e USING (entry_id)
WHERE o.state = 'stored' AND NOT o.sniffed ORDER BY o.object_id LIMIT $1
"""


async def to_sniff(tx: Tx, limit: int) -> list[Record]:
    """`object_id, object_key, entry_id, path` of some."""
    return await tx.fetch(TO_SNIFF, limit)


SET_TYPES: Final = """
UPDATE entries SET sniffed_type = found.media_type FROM unnest($1::uuid[], $2::text[]) AS found (entry_id, media_type)
WHERE entries.entry_id = found.entry_id
"""
SNIFFED: Final = "UPDATE objects SET sniffed = true WHERE object_id = ANY($1::uuid[])"


async def sniffed(tx: Tx, object_ids: Sequence[UUID], types: Mapping[UUID, str]) -> None:
    """These were looked at; `types` by entry, of those that are something. Those entries are held."""
    await tx.execute(SET_TYPES, list(types), list(types.values()))
    await tx.execute(SNIFFED, object_ids)
