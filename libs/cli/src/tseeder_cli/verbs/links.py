"""Make, list and revoke links."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from tseeder_cli.client import Client
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.picking import SHORTEST_PREFIX, pick_file_or_job, short_ids
from tseeder_cli.screen import command_name, say, show_json, show_table
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import File, Link

_DURATION: Final = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_ADDRESS: Final = re.compile(r"(?:https?://.+/v1/links/)([A-Za-z0-9_-]{43})")


def parse_duration(text: str) -> timedelta:
    """`90m`, `12h`, `30d`. CliError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise CliError(f"{text!r} is not a time as in 90m, 12h or 30d", code="bad_time", exit_code=ExitCode.USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


async def link(
    url: str, text: str, lasting: timedelta | None, *, downloads: int | None, password: str, as_json: bool
) -> None:
    """Make a link, and print its address alone, to stdout. What is None or "" is as the server has it."""
    expires_at = (datetime.now(UTC) + lasting).isoformat() if lasting is not None else ""
    async with connect(url) as client:
        file = await _file(client, text)
        made = await client.create_link(
            file["file_id"], expires_at=expires_at, download_limit=downloads, password=password
        )
    if as_json:
        show_json(made)
        return
    sys.stdout.write(f"{made['url']}\n")
    known = made["link"]
    say(f"{'/'.join(known['path'])}, {_limits(known)}; revoke it: {command_name()} unlink {known['link_id']}")


async def list_links(url: str, text: str, *, as_json: bool) -> None:
    """List links, of one file or of all (""), newest first."""
    async with connect(url) as client:
        file_id = (await _file(client, text))["file_id"] if text else ""
        found = [each async for each in client.all_links(file_id)]
    if as_json:
        show_json(found)
        return
    if not found:
        say("no links")
        return
    shown = short_ids(each["link_id"] for each in found)
    rows = [
        (
            shown[each["link_id"]],
            _downloads(each),
            _until(each),
            "yes" if each["has_password"] else "no",
            f"{each['token_prefix']}...",
            "/".join(each["path"]),
        )
        for each in found
    ]
    show_table(("ID", "DOWNLOADS", "UNTIL (UTC)", "PASSWORD", "TOKEN", "FILE"), rows, right=("DOWNLOADS",))


async def unlink(url: str, text: str) -> None:
    """Revoke the link whose id is, or alone begins with, `text`, or whose address it is."""
    async with connect(url) as client:
        known = await _pick(client, text.strip())
        await client.revoke_link(known["link_id"])
    say(f"revoked: {known['link_id']}, to {'/'.join(known['path'])}")


async def _file(client: Client, text: str) -> File:
    found = await pick_file_or_job(client, text)
    if "file_id" not in found:
        raise CliError(
            f"{text!r} is a job; a link is to one file",
            code="not_a_file",
            exit_code=ExitCode.USAGE,
            hint=f"Its files and their indexes tells: tseeder files {text}",
        )
    return cast(File, found)


async def _pick(client: Client, text: str) -> Link:
    address = _ADDRESS.fullmatch(text)
    if address is None and len(text) < SHORTEST_PREFIX:
        raise CliError("four characters of a link's id are the least", code="bad_link_id", exit_code=ExitCode.USAGE)
    found = [
        each
        async for each in client.all_links()
        if (address[1].startswith(each["token_prefix"]) if address else each["link_id"].startswith(text.lower()))
    ]
    if not found:
        raise CliError(
            "you have no such link",
            code="link_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="`tseeder links` shows those that have not ended.",
        )
    if len(found) > 1:
        shown = ", ".join(list(short_ids(each["link_id"] for each in found).values())[:5])
        raise CliError(f"{len(found)} links begin so: {shown}", code="ambiguous_id", exit_code=ExitCode.USAGE)
    return found[0]


def _limits(link: Link) -> str:
    often = f", {link['download_limit']} downloads" if link["download_limit"] else ""
    return f"until {_until(link)} UTC{often}" + (", with a password" if link["has_password"] else "")


def _downloads(link: Link) -> str:
    return f"{link['downloads']} of {link['download_limit']}" if link["download_limit"] else str(link["downloads"])


def _until(link: Link) -> str:
    return datetime.fromisoformat(link["expires_at"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M")
