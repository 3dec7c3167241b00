"""The accounts as they are, for a reader of the feed that has lost its place."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tseeder_auth.domain.accounts import AccountState
from tseeder_auth.store import users
from tseeder_kit.errors import invalid
from tseeder_pg import Pool, transaction

MOST: Final = 1_000


async def list_accounts(pool: Pool, user_ids: Sequence[UUID]) -> Mapping[UUID, AccountState]:
    """What each of these accounts is; without those that were never heard of. INVALID `too_many_ids`."""
    if len(user_ids) > MOST:
        raise invalid("too_many_ids", f"At most {MOST} ids can be asked for at once.")
    async with transaction(pool, readonly=True) as tx:
        return await users.states(tx, user_ids)


async def list_suspended(pool: Pool, after: UUID, limit: int) -> Sequence[UUID]:
    """Suspended accounts by ascending id, from the first after `after` on; at most `limit`, and 1,000."""
    async with transaction(pool, readonly=True) as tx:
        return await users.suspended_after(tx, after, min(limit, MOST) if limit > 0 else MOST)
