"""Make an account of one's own, confirm its address, and set another password."""

from __future__ import annotations

from tseeder_cli import config, registration_calls
from tseeder_cli.client import Client, HeldSession
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.screen import command_name, say
from tseeder_cli.target import Target, find_target
from tseeder_cli.verbs.own_session import ending, going_on
from tseeder_cli.wire import AuthConfig


async def terms_of(url: str) -> AuthConfig:
    """How one can register there. CliError where one cannot, or not from here."""
    async with Client(find_target(url).url) as client:
        found = await registration_calls.auth_config(client)
    if not found["registration_open"]:
        raise CliError(
            "accounts are made by the operators there", code="registration_closed", exit_code=ExitCode.REFUSED
        )
    _require_no_check(found)
    return found


async def register(url: str, email: str, password: str, terms_version: str) -> None:
    """Make the account; who has one already finds out by mail."""
    async with Client(find_target(url).url) as client:
        await registration_calls.register(client, email, password, terms_version)
    say(f"a mail to {email} says how to go on: {command_name()} verify TOKEN")


async def verify(url: str, token: str, password: str = "") -> None:
    """Confirm the address that the token was mailed to. ApiError `password_needed` where others registered it, too."""
    async with Client(find_target(url).url) as client:
        await registration_calls.verify_email(client, token, password)
    say(f"the address is confirmed; sign in with: {command_name()} login")


async def resend(url: str, email: str) -> None:
    """Another mail for that."""
    async with Client(find_target(url).url) as client:
        _require_no_check(await registration_calls.auth_config(client))
        await registration_calls.resend_verification(client, email)
    say(f"if there is an account with {email} that waits for it, a mail is on its way")


async def reset_password(url: str, email: str) -> None:
    """Have a token mailed."""
    async with Client(find_target(url).url) as client:
        _require_no_check(await registration_calls.auth_config(client))
        await registration_calls.request_password_reset(client, email)
    say(f"if there is an account with {email}, a mail is on its way; then: {command_name()} password confirm")


async def confirm_password(url: str, token: str, new_password: str) -> None:
    """Set the password with that token."""
    async with Client(find_target(url).url) as client:
        await registration_calls.confirm_password_reset(client, token, new_password)
    say("the password is set, and all sessions are over; API keys go on working")


async def change_password(held: HeldSession, password: str, new_password: str, code: str) -> None:
    """Set another password, and end the session. API keys, and so this computer's, stay."""
    async with ending(held) as client:
        await registration_calls.change_password(client, password, new_password, code)
    say("the password is changed, and all sessions are over; API keys go on working")


async def delete_account(target: Target, held: HeldSession, email: str, password: str, code: str) -> None:
    """Delete the account, and forget this computer's key of it, which opens nothing any more."""
    async with going_on(held) as client:
        await registration_calls.delete_account(client, password, code)
    path = config.config_path()
    known = config.load(path)
    login = known.logins.get(target.server)
    if login is not None and login.email == email:
        config.save(path, known.without(target.server))
    say(f"the account {email} is deleted; what it had is gone within minutes")


def _require_no_check(found: AuthConfig) -> None:
    if found["human_check"] != "none":
        raise CliError(
            "a check that a person asks has to be solved, in a browser",
            code="human_check_needed",
            exit_code=ExitCode.REFUSED,
            hint="Use the pages of that server.",
        )
