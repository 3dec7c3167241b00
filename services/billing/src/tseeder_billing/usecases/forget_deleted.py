"""Who has deleted his account is on no plan any more."""

from typing import Final
from uuid import UUID

from tseeder_billing.adapters.accounts import MOST, Accounts
from tseeder_billing.store import plans
from tseeder_kit.logging import get_logger
from tseeder_pg import Pool, transaction

_FIRST: Final = UUID(int=0)
_log = get_logger(__name__)


async def forget_deleted(pool: Pool, accounts: Accounts) -> int:
    """Asks auth which of all who are on a plan were deleted, and forgets those; how many.

    There are few: the default plan needs no row. So there is no place in auth's feed to keep, and nothing that a crash
    could leave out.
    """
    forgotten, after = 0, _FIRST
    while True:
        async with transaction(pool, readonly=True) as tx:
            assigned = await plans.assigned_after(tx, after, MOST)
        if not assigned:
            return forgotten
        gone = await accounts.deleted(assigned)
        if gone:
            async with transaction(pool) as tx:
                await plans.forget(tx, gone)
            _log.info("plans_forgotten", count=len(gone))
        forgotten, after = forgotten + len(gone), assigned[-1]
