"""Plans, and who is on which."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tseeder_billing.domain.plans import Entitlements, Plan
from tseeder_pg import Record, Tx

LIST_PLANS: Final[str] = """
SELECT plan_id, name, is_default, live_jobs, running_transfers, storage_bytes, bandwidth_bytes_per_month,
       retention_days, priority, streams, metadata_timeout_seconds, stall_timeout_seconds
FROM plans ORDER BY place, plan_id
"""


async def list_plans(tx: Tx) -> Sequence[Plan]:
    """All plans, in the order in which they are shown."""
    return [_plan(row) for row in await tx.fetch(LIST_PLANS)]


PLAN_OF_USER: Final[str] = """
SELECT plan_id, name, is_default, live_jobs, running_transfers, storage_bytes, bandwidth_bytes_per_month,
       retention_days, priority, streams, metadata_timeout_seconds, stall_timeout_seconds
FROM plans
WHERE plan_id = COALESCE(
    (SELECT plan_id FROM user_plans WHERE user_id = $1), (SELECT plan_id FROM plans WHERE is_default))
"""


async def plan_of_user(tx: Tx, user_id: UUID) -> Plan | None:
    """The user's plan, or the default one; None only if an operator left none as the default."""
    row = await tx.fetchrow(PLAN_OF_USER, user_id)
    return None if row is None else _plan(row)


RETENTION_OF_USERS: Final[str] = """
SELECT u.user_id, p.retention_days
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (user_id, place)
LEFT JOIN user_plans up ON up.user_id = u.user_id
LEFT JOIN plans p ON CASE WHEN up.plan_id IS NULL THEN p.is_default ELSE p.plan_id = up.plan_id END
ORDER BY u.place
"""


async def retention_of_users(tx: Tx, user_ids: Sequence[UUID]) -> Sequence[tuple[UUID, int | None]]:
    """For how many days the plan of each of these keeps files; None without a default plan."""
    return [(row["user_id"], row["retention_days"]) for row in await tx.fetch(RETENTION_OF_USERS, user_ids)]


ASSIGN_PLAN: Final[str] = """
INSERT INTO user_plans (user_id, plan_id) SELECT $1, plan_id FROM plans WHERE plan_id = $2
ON CONFLICT (user_id) DO UPDATE SET plan_id = EXCLUDED.plan_id, since = clock_timestamp()
RETURNING plan_id
"""


async def assign_plan(tx: Tx, user_id: UUID, plan_id: str) -> bool:
    """Puts a user on a plan; False if there is no such plan."""
    return await tx.fetchval(ASSIGN_PLAN, user_id, plan_id) is not None


ASSIGNED_AFTER: Final[str] = "SELECT user_id FROM user_plans WHERE user_id > $1 ORDER BY user_id LIMIT $2"


async def assigned_after(tx: Tx, after: UUID, limit: int) -> list[UUID]:
    """Who is on a plan of his own, by id."""
    return [row["user_id"] for row in await tx.fetch(ASSIGNED_AFTER, after, limit)]


FORGET: Final[str] = "DELETE FROM user_plans WHERE user_id = ANY($1::uuid[])"


async def forget(tx: Tx, user_ids: Sequence[UUID]) -> None:
    """They are no more."""
    await tx.execute(FORGET, list(user_ids))


def _plan(row: Record) -> Plan:
    allowed = Entitlements(
        live_jobs=row["live_jobs"],
        running_transfers=row["running_transfers"],
        storage_bytes=row["storage_bytes"],
        bandwidth_bytes_per_month=row["bandwidth_bytes_per_month"],
        retention_days=row["retention_days"],
        priority=row["priority"],
        streams=row["streams"],
        metadata_timeout_seconds=row["metadata_timeout_seconds"],
        stall_timeout_seconds=row["stall_timeout_seconds"],
    )
    return Plan(row["plan_id"], row["name"], row["is_default"], allowed)
