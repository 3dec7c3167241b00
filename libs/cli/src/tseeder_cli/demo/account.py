"""The demo's own account: the stack's first admin, if there is none, with its credentials in the state folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tseeder_cli import config, variables
from tseeder_cli.client import Client
from tseeder_cli.config import write_private
from tseeder_cli.errors import ApiError, CliError, ExitCode
from tseeder_cli.local import DEMO_ACCOUNT, LocalStack
from tseeder_cli.target import Target
from tseeder_cli.verbs.account import make_login
from tseeder_cli.verbs.admin import bootstrap_token, make_admin

EMAIL = "demo@tseeder.example"


@dataclass(frozen=True)
class Account:
    """Kept in `<state>/demo/account.json`, mode 0600."""

    email: str
    password: str = field(repr=False)
    api_key: str = field(default="", repr=False)


async def sign_in(local: LocalStack) -> tuple[str, str]:
    """An API key for the demo, and whose it is. Makes the stack's first admin where there is none.

    CliError (code "admin_exists") if the stack has an admin that is not the demo's, and there is no login for it.
    """
    path = local.demo_folder / DEMO_ACCOUNT
    account = _read(path)
    if account is not None:
        signed_in = await _again(local, account)
        if signed_in is not None:
            _write(path, signed_in)
            return signed_in.api_key, signed_in.email
    fresh = Account(EMAIL, secrets.token_urlsafe(24))
    target = Target(local.server, local.url, "", local)
    try:
        token = await bootstrap_token(local)
    except CliError as error:
        if error.code != "admin_exists":
            raise
        return _somebody_elses(local)
    _write(path, fresh)  # first: an admin whose password nobody knows could not be made again
    await make_admin(target, token, fresh.email, fresh.password)
    login = await make_login(local.url, fresh.email, fresh.password)
    _write(path, replace(fresh, api_key=login.api_key))
    return login.api_key, fresh.email


async def _again(local: LocalStack, account: Account) -> Account | None:
    """The account with a key that works; None if this stack does not know the account (any more)."""
    try:
        if account.api_key:
            async with Client(local.url, account.api_key) as client:
                await client.me()
            return account
    except ApiError as error:
        if error.status != 401:
            raise
    try:
        login = await make_login(local.url, account.email, account.password)
    except ApiError as error:
        if error.exit_code != ExitCode.NOT_SIGNED_IN:
            raise
        return None
    return replace(account, api_key=login.api_key)


def _somebody_elses(local: LocalStack) -> tuple[str, str]:
    """The key that this computer has for the stack by TSEEDER_API_KEY or `tseeder login`."""
    logins = config.load(config.config_path()).logins
    login = logins.get(local.server) or logins.get(local.url)
    key = variables.read("TSEEDER_API_KEY") or (login.api_key if login else "")
    if key:
        return key, login.email if login and key == login.api_key else "TSEEDER_API_KEY's account"
    raise CliError(
        "this stack has an admin already, who is not the demo's",
        code="admin_exists",
        exit_code=ExitCode.NOT_SIGNED_IN,
        hint=f"Sign in with `tseeder login {local.url}`, or set TSEEDER_API_KEY, and start the demo again.",
    )


def _read(path: Path) -> Account | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Account(said["email"], said["password"], said.get("api_key", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, account: Account) -> None:
    write_private(path, json.dumps(asdict(account), indent=2) + "\n")
