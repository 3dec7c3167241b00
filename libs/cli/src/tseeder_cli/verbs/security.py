"""Sessions, the second factor, and what happened to the account."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import segno

from tseeder_cli.client import HeldSession
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.picking import SHORTEST_PREFIX, short_ids
from tseeder_cli.screen import ago, counted, say, show_json, show_table
from tseeder_cli.verbs.connect import connect
from tseeder_cli.verbs.own_session import ending, going_on
from tseeder_cli.wire import Session


async def list_sessions(url: str, *, as_json: bool) -> None:
    """Show the sessions, the last seen first."""
    async with connect(url) as client:
        found = await client.sessions()
    if as_json:
        show_json(found)
        return
    if not found:
        say("no browser is signed in")
        return
    shown = short_ids(each["session_id"] for each in found)
    rows = [
        (
            shown[each["session_id"]],
            ago(each["last_seen_at"]),
            each["remote_address"],
            each["method"] + (" + code" if each["second_factor"] else ""),
            each["user_agent"],
        )
        for each in found
    ]
    show_table(("SESSION", "SEEN", "FROM", "BY", "BROWSER"), rows)


async def end_sessions(url: str, text: str, *, everywhere: bool) -> None:
    """End the session whose id begins with `text`, or all."""
    if bool(text) == everywhere:
        raise CliError("name a session, or say --all", code="usage", exit_code=ExitCode.USAGE)
    async with connect(url) as client:
        found = await client.sessions()
        ending = found if everywhere else [_picked(found, text.strip().lower())]
        for each in ending:
            await client.end_session(each["session_id"])
    say(f"{counted(len(ending), 'session')} ended")


def _picked(found: Sequence[Session], prefix: str) -> Session:
    if len(prefix) < SHORTEST_PREFIX:
        raise CliError(
            f"{prefix!r} is not a session's id or the beginning of one",
            code="bad_session_id",
            exit_code=ExitCode.USAGE,
            hint="Four characters are the least; `tseeder sessions` shows the ids.",
        )
    matching = [each for each in found if each["session_id"].startswith(prefix)]
    if not matching:
        raise CliError(f"no session's id begins with {prefix}", code="session_not_found", exit_code=ExitCode.NOT_FOUND)
    if len(matching) > 1:
        raise CliError(f"{len(matching)} sessions begin with {prefix}", code="ambiguous_id", exit_code=ExitCode.USAGE)
    return matching[0]


async def start_totp(held: HeldSession, password: str) -> None:
    """Show what an authenticator app has to know. The session goes on, unless that is refused."""
    async with going_on(held) as client:
        begun = await client.start_totp(password)
        if sys.stdout.isatty():
            segno.make(begun["uri"], micro=False).terminal(compact=True)
        say("Scan this with an authenticator app, or type the secret in:")
        sys.stdout.write(f"{begun['secret']}\n{begun['uri']}\n")


async def confirm_totp(held: HeldSession, code: str) -> None:
    """Switch it on, and print the recovery codes."""
    async with ending(held) as client:
        _print_codes(await client.confirm_totp(code))
    say("the second factor is on, and all browsers are signed out")


async def disable_totp(held: HeldSession, password: str, code: str) -> None:
    """Switch it off."""
    async with ending(held) as client:
        await client.disable_totp(password, code)
    say("the second factor is off")


async def replace_recovery_codes(held: HeldSession, password: str, code: str) -> None:
    """Print new ones."""
    async with ending(held) as client:
        _print_codes(await client.replace_recovery_codes(password, code))


async def list_events(url: str, *, limit: int, as_json: bool) -> None:
    """Show what happened last."""
    async with connect(url) as client:
        found = await client.security_events(limit=limit)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            ago(each["at"]),
            each["kind"],
            "an operator" if each["by_operator"] else each["remote_address"],
            " ".join(f"{name}={value}" for name, value in sorted(each["details"].items())),
        )
        for each in found
    ]
    show_table(("WHEN", "WHAT", "FROM", "DETAILS"), rows)


def _print_codes(codes: Sequence[str]) -> None:
    """To stdout, so that they can be piped into a safe place."""
    say("recovery codes: each opens the account once without the app; they are shown this once")
    sys.stdout.write("".join(f"{code}\n" for code in codes))
