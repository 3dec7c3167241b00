"""`python -m tseeder_billing`: serve (default), migrate, assign-plan."""

import argparse
import asyncio
import sys
from typing import Final
from uuid import UUID

from tseeder_billing.main import build
from tseeder_billing.settings import Settings
from tseeder_billing.usecases.assign_plan import assign_plan
from tseeder_kit import lifecycle
from tseeder_kit.errors import AppError
from tseeder_pg import MigrationError, migrate, migrations_dir, open_pool

EX_FAILED: Final = 1


def main() -> int:
    """Runs one verb; gives the exit code."""
    parser = argparse.ArgumentParser(prog="tseeder-billing", description="The billing service.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("serve", help="serve gRPC until SIGTERM (the default)")
    verbs.add_parser("migrate", help="bring the schema up to date")
    assign = verbs.add_parser("assign-plan", help="put a user on a plan")
    assign.add_argument("user_id", type=UUID)
    assign.add_argument("plan_id")
    args = parser.parse_args()
    if args.verb in (None, "serve"):
        return lifecycle.main("billing", Settings, build)
    settings = lifecycle.load_or_complain("billing", Settings)
    if settings is None:
        return lifecycle.EX_CONFIG
    work = _migrate(settings) if args.verb == "migrate" else _assign_plan(settings, args.user_id, args.plan_id)
    try:
        sys.stdout.write(asyncio.run(work) + "\n")
    except (AppError, MigrationError) as exc:
        sys.stderr.write(f"tseeder-billing: {exc}\n")
        return EX_FAILED
    return 0


async def _migrate(settings: Settings) -> str:
    applied = await migrate(settings.database_url.get_secret_value(), "billing", migrations_dir("tseeder_billing"))
    return "\n".join(applied) or "nothing to do"


async def _assign_plan(settings: Settings, user_id: UUID, plan_id: str) -> str:
    dsn = settings.database_url.get_secret_value()
    async with open_pool(dsn, min_size=0, max_size=1, application_name="tseeder-billing assign-plan") as pool:
        await assign_plan(pool, user_id, plan_id)
    return f"{user_id} is on the plan {plan_id}"


if __name__ == "__main__":
    sys.exit(main())
