"""Object storage: what it holds, what was left behind there, and cleaning up."""

from __future__ import annotations

from collections.abc import Sequence

from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.screen import ago, counted, say, show_json, show_table, size
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import Leftovers

WORDS = {
    "orphan_objects": "objects that no row owns",
    "lost_objects": "objects that are not there any more",
    "stray_uploads": "uploads without an owner",
}


async def show(url: str, *, as_json: bool) -> None:
    """The totals, and the last report of each kind."""
    async with connect(url) as client:
        storage = await client.storage()
    if as_json:
        show_json(storage)
        return
    totals = storage["totals"]
    if totals is None:
        say("nothing was counted yet")
    else:
        say(f"{counted(totals['stored_objects'], 'object')} stored, {size(totals['stored_bytes'])}")
        say(f"{counted(totals['deleting_objects'], 'object')} to delete, {size(totals['deleting_bytes'])}")
        say(f"{counted(totals['open_uploads'], 'upload')} open")
        say(f"users are charged {size(totals['charged_bytes'])}; counted {ago(totals['measured_at'])}")
    _show_reports(storage["reports"], "MENDED")


async def clean(url: str, *, apply: bool, unknown: bool, reason: str, ticket: str, as_json: bool) -> None:
    """Look through the whole bucket, piece by piece."""
    if apply and not (reason and ticket):
        raise CliError("--apply needs --reason and --ticket", code="reason_required", exit_code=ExitCode.USAGE, hint="")
    found: dict[str, Leftovers] = {}
    cursor = ""
    async with connect(url) as client:
        while True:
            page = await client.clean_storage(
                apply=apply, unknown=unknown, cursor=cursor, reason=reason, ticket_id=ticket
            )
            for each in page["reports"]:
                found[each["kind"]] = _sum(found.get(each["kind"]), each)
            cursor = page["next_cursor"] or ""
            if not cursor:
                break
    if as_json:
        show_json(list(found.values()))
        return
    _show_reports(list(found.values()), "MENDED" if apply else "")
    if not apply and any(each["found"] for each in found.values()):
        say("nothing was changed: --apply deals with it")


def _sum(before: Leftovers | None, now: Leftovers) -> Leftovers:
    if before is None:
        return now
    summed: Leftovers = {
        **now,
        "began_at": before["began_at"],
        "looked_at": before["looked_at"] + now["looked_at"],
        "found": before["found"] + now["found"],
        "found_bytes": before["found_bytes"] + now["found_bytes"],
        "mended": before["mended"] + now["mended"],
        "examples": [*before["examples"], *now["examples"]][:20],
    }
    return summed


def _show_reports(reports: Sequence[Leftovers], mended: str) -> None:
    heads = ("LEFTOVERS", "ENDED", "LOOKED AT", "FOUND", "BYTES", *((mended,) if mended else ()))
    rows = [
        (
            WORDS.get(each["kind"], each["kind"]),
            ago(each["ended_at"]) if each["ended_at"] else "under way",
            str(each["looked_at"]),
            str(each["found"]),
            size(each["found_bytes"]),
            *((str(each["mended"]),) if mended else ()),
        )
        for each in reports
    ]
    if rows:
        show_table(heads, rows, right=heads[2:])
    for each in reports:
        for key in each["examples"]:
            say(f"  {each['kind']}: {key}")
