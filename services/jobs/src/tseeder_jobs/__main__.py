"""`python -m tseeder_jobs`: serve (default), migrate."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final

from tseeder_jobs.main import build
from tseeder_jobs.settings import Settings
from tseeder_kit import lifecycle
from tseeder_kit.errors import AppError
from tseeder_pg import MigrationError, migrate, migrations_dir

EX_FAILED: Final = 1


def main() -> int:
    """Runs one verb; gives the exit code."""
    parser = argparse.ArgumentParser(prog="tseeder-jobs", description="The jobs service.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("serve", help="serve gRPC until SIGTERM (the default)")
    verbs.add_parser("migrate", help="bring the schema up to date")
    args = parser.parse_args()
    if args.verb in (None, "serve"):
        return lifecycle.main("jobs", Settings, build)
    settings = lifecycle.load_or_complain("jobs", Settings)
    return lifecycle.EX_CONFIG if settings is None else asyncio.run(_migrate(settings))


async def _migrate(settings: Settings) -> int:
    try:
        applied = await migrate(settings.database_url.get_secret_value(), "jobs", migrations_dir("tseeder_jobs"))
    except (AppError, MigrationError) as exc:
        sys.stderr.write(f"tseeder-jobs: {exc}\n")
        return EX_FAILED
    sys.stdout.write(("\n".join(applied) or "nothing to do") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
