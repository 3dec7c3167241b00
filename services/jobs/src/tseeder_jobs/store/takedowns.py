"""Blocked digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tseeder_jobs.domain.sealed import Blind
from tseeder_pg import Tx

ANY_BLOCKED: Final = """
SELECT EXISTS (SELECT 1 FROM takedowns t JOIN unnest($1::bytea[], $2::smallint[]) AS d (value, version)
               ON t.digest_index = d.value AND t.index_key_version = d.version)
"""


async def any_blocked(tx: Tx, blinds: Sequence[Blind]) -> bool:
    """Whether one of these digests was taken down. The digest locks are held."""
    return bool(await tx.fetchval(ANY_BLOCKED, [b.value for b in blinds], [b.version for b in blinds]))
