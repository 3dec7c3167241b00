"""Sign in and out."""

from __future__ import annotations

import platform

from tseeder_cli import config
from tseeder_cli.client import Client
from tseeder_cli.config import Login
from tseeder_cli.errors import CliError
from tseeder_cli.screen import say
from tseeder_cli.target import Target, find_target


async def log_in(target: Target, email: str, password: str) -> None:
    """Make an API key for this computer with a session of its own, and keep the key."""
    login = await make_login(target.url, email, password)
    path = config.config_path()
    known = config.load(path)
    before = known.logins.get(target.server)
    config.save(path, known.with_login(target.server, login, current=True))
    say(f"signed in to {target.url} as {email}; the key is in {path}")
    if before is not None:
        await _revoke(before)


async def make_login(url: str, email: str, password: str) -> Login:
    """A new API key with all scopes of the account. The session that makes it is ended again."""
    async with Client(url) as client:
        session = await client.log_in(email, password)
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
        raise CliError(f"there is no login for {target.url}", code="not_signed_in")
    config.save(path, known.without(target.server))
    if await _revoke(Login(target.url, login.api_key, login.email, login.key_id)):
        say(f"signed out of {target.url}")


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
