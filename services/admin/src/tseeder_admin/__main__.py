"""`python -m tseeder_admin`: serve (default), migrate."""

import argparse
import asyncio
import sys
from typing import Final

from tseeder_admin.main import build
from tseeder_admin.settings import Settings
from tseeder_kit import lifecycle
from tseeder_kit.errors import AppError
from tseeder_pg import MigrationError, migrate, migrations_dir

EX_FAILED: Final = 1


def main() -> int:
    """Runs one verb; gives the exit code."""
    parser = argparse.ArgumentParser(prog="tseeder-admin", description="The admin service.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("serve", help="serve gRPC until SIGTERM (the default)")
    verbs.add_parser("migrate", help="bring the schema up to date")
    if parser.parse_args().verb != "migrate":
        return lifecycle.main("admin", Settings, build)
    settings = lifecycle.load_or_complain("admin", Settings)
    if settings is None:
        return lifecycle.EX_CONFIG
    dsn = settings.database_url.get_secret_value()
    try:
        applied = asyncio.run(migrate(dsn, "admin", migrations_dir("tseeder_admin")))
    except (AppError, MigrationError) as exc:
        sys.stderr.write(f"tseeder-admin: {exc}\n")
        return EX_FAILED
    sys.stdout.write(("\n".join(applied) or "nothing to do") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
