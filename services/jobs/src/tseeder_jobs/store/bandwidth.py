"""How many bytes of files were handed to each user, by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from tseeder_pg import Tx

KEPT: Final = timedelta(days=400)

ADD: Final = """
INSERT INTO bandwidth AS b (user_id, day, bytes) VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date, $2)
ON CONFLICT (user_id, day) DO UPDATE SET bytes = b.bytes + excluded.bytes
"""


async def add(tx: Tx, user_id: UUID, count: int) -> None:
    """So many more, today."""
    await tx.execute(ADD, user_id, count)


BY_DAY: Final = """
SELECT day, bytes FROM bandwidth
WHERE user_id = $1 AND day > (clock_timestamp() AT TIME ZONE 'UTC')::date - $2::integer ORDER BY day
"""


async def by_day(tx: Tx, user_id: UUID, days: int) -> list[tuple[date, int]]:
    """Of the last `days` days, today included; days without any are left out."""
    return [(row["day"], row["bytes"]) for row in await tx.fetch(BY_DAY, user_id, days)]


THIS_MONTH: Final = """
SELECT COALESCE(sum(bytes), 0)::bigint FROM bandwidth
WHERE user_id = $1 AND day >= date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date
"""


async def this_month(tx: Tx, user_id: UUID) -> int:
    """Since the month began."""
    return int(await tx.fetchval(THIS_MONTH, user_id))


TRIM: Final = "DELETE FROM bandwidth WHERE day < (clock_timestamp() - $1::interval)::date"


async def trim(tx: Tx) -> None:
    """What nobody looks at any more."""
    await tx.execute(TRIM, KEPT)
