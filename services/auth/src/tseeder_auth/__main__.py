"""`python -m tseeder_auth`: serve (default), migrate, bootstrap-token, has-admin, add-user, generate-key,
rotate-key."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.identity_key import KeyFileError, generate_pair
from tseeder_auth.adapters.key_rotation import OrderError, Outcome, activate, prepare, retire
from tseeder_auth.main import build
from tseeder_auth.settings import Settings
from tseeder_auth.store import users
from tseeder_auth.usecases.add_user import add_user
from tseeder_auth.usecases.issue_bootstrap_token import issue_bootstrap_token
from tseeder_kit import lifecycle
from tseeder_kit.errors import AppError
from tseeder_pg import MigrationError, migrate, migrations_dir, open_pool, transaction

EX_FAILED: Final = 1
EX_REFUSED: Final = 3


def main() -> int:
    """Runs one verb; gives the exit code."""
    parser = argparse.ArgumentParser(prog="tseeder-auth", description="The auth service.")
    verbs = parser.add_subparsers(dest="verb")
    verbs.add_parser("serve", help="serve gRPC until SIGTERM (the default)")
    verbs.add_parser("migrate", help="bring the schema up to date")
    verbs.add_parser("bootstrap-token", help="print the one-time token that makes the first superadmin")
    verbs.add_parser("has-admin", help="print yes or no: whether the first superadmin was made")
    add = verbs.add_parser("add-user", help="make an ordinary user; the password is the first line of stdin")
    add.add_argument("email")
    generate = verbs.add_parser("generate-key", help="make the pair of identity keys; overwrites nothing")
    generate.add_argument("folder", type=Path)
    rotate = verbs.add_parser("rotate-key", help="change the identity key, step by step: next, --activate, --retire")
    rotate.add_argument("folder", type=Path, help="where generate-key made the pair")
    step = rotate.add_mutually_exclusive_group()
    step.add_argument("--activate", action="store_true", help="the next key signs from now on")
    step.add_argument("--retire", action="store_true", help="the keys before it verify nothing any more")
    args = parser.parse_args()
    if args.verb == "generate-key":
        return _generate_key(args.folder)
    if args.verb == "rotate-key":
        return _rotate_key(args.folder, activate if args.activate else retire if args.retire else prepare)
    if args.verb in (None, "serve"):
        return lifecycle.main("auth", Settings, build)
    settings = lifecycle.load_or_complain("auth", Settings)
    if settings is None:
        return lifecycle.EX_CONFIG
    match args.verb:
        case "migrate":
            return asyncio.run(_migrate(settings))
        case "has-admin":
            return asyncio.run(_has_admin(settings))
        case "add-user":
            return asyncio.run(_add_user(settings, args.email, sys.stdin.readline().rstrip("\r\n")))
        case _:
            return asyncio.run(_bootstrap_token(settings))


async def _migrate(settings: Settings) -> int:
    try:
        applied = await migrate(settings.database_url.get_secret_value(), "auth", migrations_dir("tseeder_auth"))
    except (AppError, MigrationError) as exc:
        return _complain(str(exc), EX_FAILED)
    _say("\n".join(applied) or "nothing to do")
    return 0


async def _bootstrap_token(settings: Settings) -> int:
    """The token alone on stdout, so that scripts can take it; what is to be read by people on stderr."""
    dsn = settings.database_url.get_secret_value()
    async with open_pool(dsn, min_size=0, max_size=1, application_name="tseeder-auth bootstrap-token") as pool:
        try:
            token = await issue_bootstrap_token(pool, timedelta(seconds=settings.bootstrap_token_seconds))
        except AppError as exc:
            return _complain(exc.message, EX_REFUSED if exc.code == "already_bootstrapped" else EX_FAILED)
    _say(token)
    return 0


async def _has_admin(settings: Settings) -> int:
    dsn = settings.database_url.get_secret_value()
    async with open_pool(dsn, min_size=0, max_size=1, application_name="tseeder-auth has-admin") as pool:
        try:
            async with transaction(pool, readonly=True) as tx:
                exists = await users.superadmin_exists(tx)
        except AppError as exc:
            return _complain(exc.message, EX_FAILED)
    _say("yes" if exists else "no")
    return 0


async def _add_user(settings: Settings, email: str, password: str) -> int:
    dsn = settings.database_url.get_secret_value()
    async with open_pool(dsn, min_size=0, max_size=1, application_name="tseeder-auth add-user") as pool:
        with Argon2Pool(workers=1, places=1) as hasher:
            try:
                user = await add_user(pool, hasher, email, password)
            except AppError as exc:
                return _complain(exc.message, EX_REFUSED if exc.code == "email_taken" else EX_FAILED)
    _say(str(user.user_id))
    return 0


def _generate_key(folder: Path) -> int:
    try:
        private, public = generate_pair(folder)
    except KeyFileError as exc:
        return _complain(str(exc), EX_FAILED)
    _say(f"IDENTITY_PRIVATE_KEY={private}\nIDENTITY_PUBLIC_KEYS={public}")
    return 0


def _rotate_key(folder: Path, step: Callable[[Path], Outcome]) -> int:
    try:
        done = step(folder)
    except KeyFileError as exc:
        return _complain(str(exc), EX_FAILED)
    except OrderError as exc:
        return _complain(str(exc), EX_REFUSED)
    following = f"next: {done.following}\n" if done.following else ""
    _say(f"signs: {done.signing}\n{following}bundle: {' '.join(done.bundle)}\n{done.advice}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"tseeder-auth: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
