"""Answers with a file's bytes that are under way: how many a user may have at once is his plan's to say."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

LASTS: Final = timedelta(seconds=15)
"""How long one counts since it was renewed; gateways do so every 5 s."""
KEPT: Final = timedelta(minutes=10)
"""How long one that does not count is known: jobs, or its gateway, may have been away."""

RENEW: Final = """
UPDATE streams SET renewed_at = clock_timestamp()
WHERE stream_id = $1 AND user_id = $2 RETURNING true
"""
BEGIN: Final = """
INSERT INTO streams (stream_id, user_id)
SELECT $1, $2 WHERE (SELECT count(*) FROM streams
                     WHERE user_id = $2 AND renewed_at > clock_timestamp() - $3::interval) < $4
ON CONFLICT (stream_id) DO UPDATE SET renewed_at = clock_timestamp() WHERE streams.user_id = excluded.user_id
RETURNING true
"""


async def renew(tx: Tx, stream_id: UUID, user_id: UUID) -> bool:
    """Whether it has counted before; it does so again, also if nobody could renew it for a while."""
    return bool(await tx.fetchval(RENEW, stream_id, user_id))


async def begin(tx: Tx, stream_id: UUID, user_id: UUID, limit: int) -> bool:
    """Whether it may begin beside the user's others. His streams are locked."""
    return bool(await tx.fetchval(BEGIN, stream_id, user_id, LASTS, limit))


END: Final = "DELETE FROM streams WHERE stream_id = $1 AND user_id = $2"


async def end(tx: Tx, stream_id: UUID, user_id: UUID) -> None:
    """It counts no longer."""
    await tx.execute(END, stream_id, user_id)


TRIM: Final = "DELETE FROM streams WHERE renewed_at < clock_timestamp() - $1::interval"


async def trim(tx: Tx) -> None:
    """Those whose gateways never said that they ended."""
    await tx.execute(TRIM, KEPT)
