"""Accounts, as operators see them: who there is, roles, suspension, signing out."""

from __future__ import annotations

from uuid import UUID

from tseeder_cli import users
from tseeder_cli.client import Client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.screen import ago, counted, say, show_json, show_table
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import User


async def list_all(url: str, *, text: str, limit: int, as_json: bool) -> None:
    """Accounts whose address holds `text`, newest first."""
    async with connect(url) as client:
        page = await users.list_users(client, text=text, limit=limit)
    if as_json:
        show_json(page["items"])
        return
    if not page["items"]:
        say("there is no such account")
        return
    rows = [
        (
            user["email"],
            user["role"],
            "suspended" if user["suspended"] else "",
            ago(user["created_at"]),
            user["user_id"],
        )
        for user in page["items"]
    ]
    show_table(("ADDRESS", "ROLE", "STATE", "MADE", "ID"), rows)


async def set_role(url: str, who: str, role: str, *, reason: str, ticket: str, as_json: bool) -> None:
    """Change what an account may do."""
    async with connect(url) as client:
        user = await users.set_role(client, await _id_of(client, who), role, reason=reason, ticket_id=ticket)
    _show(user, f"{user['email']} has the role {user['role']} now, and is signed out", as_json=as_json)


async def set_suspended(url: str, who: str, *, suspended: bool, reason: str, ticket: str, as_json: bool) -> None:
    """Close an account, or open it again."""
    async with connect(url) as client:
        user_id = await _id_of(client, who)
        user = await users.set_suspended(client, user_id, suspended=suspended, reason=reason, ticket_id=ticket)
    told = "is suspended: signed out, keys and links dead within 5 s" if suspended else "can sign in again"
    _show(user, f"{user['email']} {told}", as_json=as_json)


async def log_out(url: str, who: str, *, reason: str, ticket: str, as_json: bool) -> None:
    """End an account's sessions."""
    async with connect(url) as client:
        ended = await users.force_logout(client, await _id_of(client, who), reason=reason, ticket_id=ticket)
    if as_json:
        show_json({"ended": ended})
    else:
        say(f"{counted(ended, 'session')} ended; keys stay")


def _show(user: User, told: str, *, as_json: bool) -> None:
    if as_json:
        show_json(user)
    else:
        say(told)


async def _id_of(client: Client, who: str) -> str:
    """The account of an id, or of a whole address; CliError if there is none."""
    try:
        return str(UUID(who))
    except ValueError:
        page = await users.list_users(client, text=who, limit=200)
    found = [user["user_id"] for user in page["items"] if user["email"].casefold() == who.casefold()]
    if len(found) != 1:
        raise CliError(
            f"there is no account {who}",
            code="user_not_found",
            exit_code=ExitCode.REFUSED,
            hint="`tseeder admin users ls PART` finds addresses and ids.",
        )
    return found[0]
