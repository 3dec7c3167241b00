"""Putting a user on a plan, for whoever can run a command beside the database."""

from uuid import UUID

from tseeder_billing.store import plans
from tseeder_kit.errors import not_found
from tseeder_pg import Pool, transaction


async def assign_plan(pool: Pool, user_id: UUID, plan_id: str) -> None:
    """From now on the user has this plan. Errors: NOT_FOUND `plan_not_found`."""
    async with transaction(pool) as tx:
        if not await plans.assign_plan(tx, user_id, plan_id):
            raise not_found("plan_not_found", "There is no such plan.")
