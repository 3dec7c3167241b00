"""The demo's own account: an ordinary user, with its credentials in the state folder."""

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
from tseeder_cli.verbs.account import make_login
from tseeder_cli.verbs.admin import add_user

EMAIL = "demo@tseeder.example"


@dataclass(frozen=True)
class Account:
    """Kept in `<state>/demo/account.json`, mode 0600."""

    email: str
    password: str = field(repr=False)
    api_key: str = field(default="", repr=False)


async def sign_in(local: LocalStack) -> tuple[str, str]:
    """An API key for the demo, and whose it is: its own user's of before, else that of the login for this stack, else
    a new user's. That one is an ordinary user: the stack's first admin stays to be made.
    """
    path = local.demo_folder / DEMO_ACCOUNT
    account = _read(path)
    if account is not None:
        signed_in = await _again(local, account)
        if signed_in is not None:
            _write(path, signed_in)
            return signed_in.api_key, signed_in.email
    known = await _login_of(local)
    if known is not None:
        return known
    fresh = await _new_user(local)
    _write(path, fresh)
    login = await make_login(local.url, fresh.email, fresh.password)
    _write(path, replace(fresh, api_key=login.api_key))
    return login.api_key, fresh.email


async def _new_user(local: LocalStack) -> Account:
    """A user with a password that nobody knows but the file; one whose file was lost keeps the usual address."""
    fresh = Account(EMAIL, secrets.token_urlsafe(24))
    try:
        await add_user(local, fresh.email, fresh.password)
    except CliError as error:
        if error.code != "email_taken":
            raise
        fresh = replace(fresh, email=EMAIL.replace("@", f"-{secrets.token_hex(4)}@"))
        await add_user(local, fresh.email, fresh.password)
    return fresh


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


async def _login_of(local: LocalStack) -> tuple[str, str] | None:
    """The key that this computer has for the stack by TSEEDER_API_KEY or `tseeder login`, if it works."""
    logins = config.load(config.config_path()).logins
    login = logins.get(local.server) or logins.get(local.url)
    key = variables.read("TSEEDER_API_KEY") or (login.api_key if login else "")
    if not key:
        return None
    try:
        async with Client(local.url, key) as client:
            return key, (await client.me())["email"]
    except ApiError as error:
        if error.status != 401:
            raise
        return None


def _read(path: Path) -> Account | None:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Account(said["email"], said["password"], said.get("api_key", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, account: Account) -> None:
    write_private(path, json.dumps(asdict(account), indent=2) + "\n")
