"""Sign in and out, and tell who is signed in."""

from __future__ import annotations

import platform
import sys

from tseeder_cli import config, variables
from tseeder_cli.client import Client
from tseeder_cli.config import Login
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.screen import as_called, say, show_json, show_table
from tseeder_cli.target import Target, find_target, signed_in
from tseeder_cli.verbs.connect import connect


async def log_in(target: Target, email: str, password: str, code: str = "") -> None:
    """Make an API key for this computer with a session of its own, and keep the key."""
    login = await make_login(target.url, email, password, code)
    path = config.config_path()
    known = config.load(path)
    before = known.logins.get(target.server)
    config.save(path, known.with_login(target.server, login, current=True))
    say(f"signed in to {target.url} as {email}; the key is in {path}")
    if before is not None:
        await _revoke(before)


async def make_login(url: str, email: str, password: str, code: str = "") -> Login:
    """A new API key with all scopes of the account. The session that makes it is ended again."""
    async with Client(url) as client:
        session = await client.log_in(email, password, code)
        me = await client.me()
        made = await client.create_api_key(f"tseeder on {platform.node() or 'a computer'}", me["scopes"])
        await client.log_out()
    return Login(url, made["secret"], session["user"]["email"], made["key"]["key_id"])


async def log_out(url: str) -> None:
    """Forget the key, and revoke it."""
    target = find_target(url)
    path = config.config_path()
    known = config.load(path)
    login = known.logins.get(target.server)
    if login is None:
        raise _no_login(target)
    config.save(path, known.without(target.server))
    if await _revoke(Login(target.url, login.api_key, login.email, login.key_id)):
        say(f"signed out of {target.url}; the key opens nothing there any more, within 5 s")


def _no_login(target: Target) -> CliError:
    """Nothing to forget; commands may have a key all the same, which is not ours to revoke."""
    error = CliError(f"nobody is signed in to {target.url}", code="not_signed_in", exit_code=ExitCode.NOT_SIGNED_IN)
    if target.demo_email:
        error.hint = f"Commands use the demo's account, {target.demo_email}, until you say: tseeder login"
    elif target.api_key:
        error.hint = "Commands use TSEEDER_API_KEY: unset it."
    return error


async def whoami(url: str, *, as_json: bool) -> None:
    """Show the account of the key in use."""
    target = signed_in(find_target(url))
    async with connect(url, again=True) as client:
        me = await client.me()
    if as_json:
        show_json({**me, "server": target.url, "key_from": _key_from(target)})
        return
    rows = [("e-mail", me["email"]), ("role", me["role"]), ("server", target.url), ("key from", _key_from(target))]
    rows += [("second factor", "on" if me["second_factor"] else "off"), ("may", " ".join(me["scopes"]))]
    show_table(("", ""), rows, header=False)
    if me["second_factor_required"]:
        say(as_called("operators need a second factor here: tseeder totp on, then tseeder login"), style="yellow")


def show_key(url: str) -> None:
    """Print the key, alone, to stdout."""
    target = signed_in(find_target(url))
    if target.demo_email:
        say(as_called(f"this is the key of the demo's user, {target.demo_email}; for your own account: tseeder login"))
    sys.stdout.write(f"{target.api_key}\n")


def _key_from(target: Target) -> str:
    if variables.read("TSEEDER_API_KEY"):
        return "TSEEDER_API_KEY"
    return "the demo's account: nobody has signed in" if target.demo_email else str(config.config_path())


async def _revoke(login: Login) -> bool:
    """Revoke a key at the server; if that cannot be done, say so: the key is forgotten here all the same."""
    if not login.key_id:
        return True
    try:
        async with Client(login.url, login.api_key, tries=2) as client:
            await client.revoke_api_key(login.key_id)
    except CliError as error:
        if error.code in ("key_not_found", "api_key_not_found") or error.code.startswith("http_40"):
            return True
        say(f"the old key {login.key_id} could not be revoked at {login.url}: {error.message}", style="yellow")
        return False
    return True
