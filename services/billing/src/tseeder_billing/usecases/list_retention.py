"""How long the files of many users are kept."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_billing.store import plans
from tseeder_billing.usecases.get_entitlements import no_default_plan
from tseeder_kit.errors import invalid
from tseeder_pg import Pool, transaction

MOST_USERS: Final = 1_000


async def list_retention(pool: Pool, user_ids: Sequence[UUID]) -> Sequence[tuple[UUID, int]]:
    """`(user, days)` in the order asked; 0 days: for ever.

    Errors: INVALID `too_many_users`; UNAVAILABLE `no_default_plan`, as for one user: nothing is made up about anybody.
    """
    if len(user_ids) > MOST_USERS:
        raise invalid("too_many_users", f"At most {MOST_USERS} users are asked about at once.")
    async with transaction(pool, readonly=True) as tx:
        found = await plans.retention_of_users(tx, user_ids)
    known = [(user_id, days) for user_id, days in found if days is not None]
    if len(known) < len(found):
        raise no_default_plan()
    return known
