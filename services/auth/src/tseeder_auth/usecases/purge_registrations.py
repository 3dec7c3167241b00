"""Registrations that nobody has confirmed are deleted, with the mails and tokens that are about them."""

from typing import Final

from tseeder_auth.store import pending_registrations
from tseeder_pg import Pool, transaction

BATCH: Final = 5_000


async def purge_registrations(pool: Pool) -> None:
    """All whose week is over, batch by batch."""
    deleted = BATCH
    while deleted == BATCH:
        async with transaction(pool) as tx:
            deleted = await pending_registrations.purge_pending(tx, BATCH)
