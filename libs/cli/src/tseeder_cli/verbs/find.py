"""Find files over all jobs."""

from __future__ import annotations

from collections.abc import Sequence

from tseeder_cli.client import FileSearch
from tseeder_cli.errors import CliError, ExitCode
from tseeder_cli.picking import short_ids
from tseeder_cli.screen import command_name, file_state, say, show_json, show_table, size, state_text
from tseeder_cli.sizes import parse_size
from tseeder_cli.verbs.connect import connect
from tseeder_cli.wire import FILE_TYPES


async def find(url: str, text: str, *, types: Sequence[str], smallest: str, largest: str, as_json: bool) -> None:
    """List the files with `text` in their path, newest first; sizes as people write them, "" for any."""
    unknown = [name for name in types if name not in FILE_TYPES]
    if unknown:
        raise CliError(
            f"{unknown[0]!r} is no type of files",
            code="bad_type",
            exit_code=ExitCode.USAGE,
            hint=f"They are: {', '.join(FILE_TYPES)}.",
        )
    wanted = FileSearch(
        text=text,
        types=tuple(types),
        min_bytes=parse_size(smallest) if smallest else None,
        max_bytes=parse_size(largest) if largest else None,
    )
    async with connect(url) as client:
        files = [file async for file in client.all_files(wanted=wanted)]
    if as_json:
        show_json(files)
        return
    if not files:
        say("no such files")
        return
    short = short_ids(file["job_id"] for file in files)
    rows = [
        (
            f"{short[file['job_id']]}:{file['file_index']}",
            state_text(file_state(file)),
            size(file["size_bytes"]),
            "/".join(file["path"]),
        )
        for file in files
    ]
    show_table(("FILE", "STATE", "SIZE", "PATH"), rows, right=("SIZE",))
    stored = next((row for row, file in zip(rows, files, strict=True) if file["state"] == "stored"), None)
    if stored is not None:
        say(f"download one: {command_name()} get {stored[0]}")
