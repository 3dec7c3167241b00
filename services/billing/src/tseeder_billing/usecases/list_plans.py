"""What there is to choose from; public."""

from collections.abc import Sequence

from tseeder_billing.domain.plans import Plan
from tseeder_billing.store import plans
from tseeder_pg import Pool, transaction


async def list_plans(pool: Pool) -> Sequence[Plan]:
    """All plans, in the order in which they are shown."""
    async with transaction(pool, readonly=True) as tx:
        return await plans.list_plans(tx)
