"""What a user may, now."""

from uuid import UUID

from tseeder_billing.domain.plans import Plan
from tseeder_billing.store import plans
from tseeder_kit.errors import AppError, unavailable
from tseeder_pg import Pool, transaction


def no_default_plan() -> AppError:
    """Nobody can tell what a user without a plan of his own may."""
    return unavailable("no_default_plan", "No plan is marked as the default; an operator has to mark one.")


async def get_entitlements(pool: Pool, user_id: UUID) -> Plan:
    """The user's plan. Errors: UNAVAILABLE `no_default_plan` while no plan is marked as the default."""
    async with transaction(pool, readonly=True) as tx:
        plan = await plans.plan_of_user(tx, user_id)
    if plan is None:
        raise no_default_plan()
    return plan
