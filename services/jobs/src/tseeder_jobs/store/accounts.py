"""Closed accounts, and how far auth's feed was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tseeder_jobs.domain.accounts import Closed
from tseeder_pg import Tx

TAKE_TURN: Final = """
UPDATE account_feed SET turn = $1, turn_ends_at = clock_timestamp() + $2::interval
WHERE turn IS NULL OR turn_ends_at < clock_timestamp() RETURNING seq
"""


async def take_turn(tx: Tx, turn: UUID, lasts: timedelta) -> int | None:
    """Up to where the feed was read; from now on `turn` reads it. None: another one does."""
    seq: int | None = await tx.fetchval(TAKE_TURN, turn, lasts)
    return seq


HOLD_TURN: Final = """
UPDATE account_feed SET turn_ends_at = clock_timestamp() + $2::interval, seq = COALESCE($3::bigint, seq)
WHERE turn = $1 RETURNING true
"""


async def hold_turn(tx: Tx, turn: UUID, lasts: timedelta, seq: int | None = None) -> bool:
    """Goes on with it for `lasts`, at `seq` if that is given. False: it was taken over, so that nothing of it counts.
    Nobody else takes it until the transaction ends."""
    return bool(await tx.fetchval(HOLD_TURN, turn, lasts, seq))


END_TURN: Final = "UPDATE account_feed SET turn = NULL WHERE turn = $1"


async def end_turn(tx: Tx, turn: UUID) -> None:
    """Others may."""
    await tx.execute(END_TURN, turn)


CLOSE: Final = """
INSERT INTO closed_accounts AS c (user_id, reason) SELECT unnest($1::uuid[]), $2
ON CONFLICT (user_id) DO UPDATE SET reason = excluded.reason, closed_at = clock_timestamp()
WHERE c.reason = 'suspended' AND excluded.reason = 'deleted'
"""


async def close(tx: Tx, user_ids: Sequence[UUID], reason: Closed) -> None:
    """Once more changes nothing; who was deleted stays so."""
    await tx.execute(CLOSE, user_ids, str(reason))


REOPEN: Final = "DELETE FROM closed_accounts WHERE user_id = ANY($1::uuid[]) AND reason = 'suspended'"


async def reopen(tx: Tx, user_ids: Sequence[UUID]) -> None:
    """They are suspended no longer."""
    await tx.execute(REOPEN, user_ids)


REVIVE: Final = """
DELETE FROM closed_accounts WHERE user_id = ANY($1::uuid[]) AND reason = 'deleted' AND erased_at IS NULL
RETURNING user_id
"""


async def revive(tx: Tx, user_ids: Sequence[UUID]) -> list[UUID]:
    """They were not deleted after all: what there still is of them stays. Gives those who were taken for it."""
    return [row["user_id"] for row in await tx.fetch(REVIVE, user_ids)]


CLOSED: Final = "SELECT reason FROM closed_accounts WHERE user_id = $1"


async def closed(tx: Tx, user_id: UUID) -> Closed | None:
    """Why the account is closed; None: it is not, as far as is known."""
    reason = await tx.fetchval(CLOSED, user_id)
    return None if reason is None else Closed(reason)


KNOWN: Final = """
SELECT user_id FROM (
    (SELECT user_id FROM usage WHERE user_id > $1 ORDER BY user_id LIMIT $2)
    UNION (SELECT user_id FROM closed_accounts WHERE user_id > $1 AND erased_at IS NULL ORDER BY user_id LIMIT $2)
) AS known ORDER BY user_id LIMIT $2
"""


async def known(tx: Tx, after: UUID, limit: int) -> list[UUID]:
    """Users of whom there are rows, by id. Whoever has anything here has a usage row."""
    return [row["user_id"] for row in await tx.fetch(KNOWN, after, limit)]


TO_ERASE: Final = """
SELECT user_id FROM closed_accounts c WHERE reason = 'deleted' AND (erased_at IS NULL
    OR EXISTS (SELECT 1 FROM usage x WHERE x.user_id = c.user_id)
    OR EXISTS (SELECT 1 FROM jobs x WHERE x.user_id = c.user_id)
    OR EXISTS (SELECT 1 FROM bandwidth x WHERE x.user_id = c.user_id)
    OR EXISTS (SELECT 1 FROM streams x WHERE x.user_id = c.user_id))
ORDER BY tried_at NULLS FIRST LIMIT $1
"""


async def to_erase(tx: Tx, limit: int) -> list[UUID]:
    """Deleted accounts that something is left of, or has come of since; the longest untried first."""
    return [row["user_id"] for row in await tx.fetch(TO_ERASE, limit)]


TRIED: Final = """
UPDATE closed_accounts SET tried_at = clock_timestamp() WHERE user_id = $1 AND reason = 'deleted' RETURNING true
"""


async def tried(tx: Tx, user_id: UUID) -> bool:
    """Others come first now. False: this account is not deleted (any more)."""
    return bool(await tx.fetchval(TRIED, user_id))


STILL_DELETED: Final = "SELECT true FROM closed_accounts WHERE user_id = $1 AND reason = 'deleted' FOR SHARE"


async def still_deleted(tx: Tx, user_id: UUID) -> bool:
    """Whether it is, until the transaction ends."""
    return bool(await tx.fetchval(STILL_DELETED, user_id))


ERASED: Final = """
UPDATE closed_accounts SET erased_at = clock_timestamp()
WHERE user_id = $1 AND reason = 'deleted' AND erased_at IS NULL RETURNING true
"""


async def erased(tx: Tx, user_id: UUID) -> bool:
    """Nothing is left of it. False: that was so before."""
    return bool(await tx.fetchval(ERASED, user_id))


FORGET: Final = """
DELETE FROM closed_accounts c WHERE reason = 'deleted' AND erased_at < clock_timestamp() - $1::interval
    AND NOT EXISTS (SELECT 1 FROM usage x WHERE x.user_id = c.user_id)
    AND NOT EXISTS (SELECT 1 FROM jobs x WHERE x.user_id = c.user_id)
    AND NOT EXISTS (SELECT 1 FROM bandwidth x WHERE x.user_id = c.user_id)
"""


async def forget(tx: Tx, kept: timedelta) -> None:
    """Deleted accounts of which nothing was left for so long, and is not now."""
    await tx.execute(FORGET, kept)
