"""What goes to the terminal: tables, sizes, times, errors, JSON. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tseeder_cli.errors import ApiError, CliError
from tseeder_cli.names import printable
from tseeder_cli.wire import File

PIPE_WIDTH = 1000
INVALID_REQUEST = "invalid_request"
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
_STATE_STYLES = {
    "completed": "green",
    "stored": "green",
    "failed": "red",
    "cancelled": "dim",
    "expired": "dim",
    "deleted": "dim",
    "dropped": "dim",
    "paused": "yellow",
    "queued": "yellow",
    "pending": "yellow",
}


@cache
def out() -> Console:
    """Where results go. In a pipe lines are as long as they are, so that `grep` sees whole ones."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)


@cache
def err() -> Console:
    """Where bars, remarks and errors go, so that stdout can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(*lines: str, style: str = "") -> None:
    """A remark, to stderr, shown as it is, without markup. A line break within one of `lines` is not believed."""
    for line in lines:
        err().print(Text(printable(line), style=style))


def show_json(value: Any) -> None:
    """`value` to stdout. ASCII, because a torrent's names may hold what cannot be encoded, or turns a line around."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def show_json_line(value: Any) -> None:
    """`value` as one line of stdout, at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def show_error(error: CliError) -> None:
    """One line with the problem's code, one for each wrong field, one that helps."""
    line = Text("error: ", style="bold red")
    first, *more = _message_lines(error)
    line.append(first, style="default not bold")
    if error.code:
        line.append(f" [{error.code}]", style="dim")
    err().print(line)
    say(*more)
    if isinstance(error, ApiError) and error.status >= 500 and error.request_id:
        err().print(Text(f"  request {error.request_id}", style="dim"))
    if error.hint:
        err().print(Text(f"  {as_called(error.hint)}", style="cyan"))


def _message_lines(error: CliError) -> list[str]:
    """Our own messages may have lines, such as the end of a log; a server's may not, but for its wrong fields."""
    if not isinstance(error, ApiError):
        return [printable(line) for line in error.message.splitlines()] or [""]
    fields = [(field, message) for field, _, message in error.fields if message != error.message]
    told = [printable(f"{field}: {message}") for field, message in fields]
    if error.code == INVALID_REQUEST and told:  # its message says no more than "see the fields"
        return told if len(told) == 1 else ["the request is refused:", *(f"  {line}" for line in told)]
    return [printable(error.message), *(f"  {line}" for line in told)]


def as_called(text: str) -> str:
    """`text` with each `tseeder VERB` as the command is called from here."""
    return re.sub(r"\btseeder (?=[a-z])", lambda _: f"{command_name()} ", text)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Sequence[str] = (), header: bool = True
) -> None:
    """A table to stdout; the columns named in `right` are right-aligned. Cells are shown without markup."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_header=header)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    out().print(table)


def shown_path(path: Path) -> str:
    """`path` as it is typed here: relative, if it is below the working folder; quoted for a shell."""
    try:
        return shlex.quote(str(path.relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(path))


@cache
def command_name() -> str:
    """How this command is called from here: `tseeder` if the shell finds this very one, else its path."""
    own = Path(sys.argv[0])
    found = shutil.which("tseeder")
    if own.name != "tseeder" or (found and Path(found).resolve() == own.resolve()):
        return "tseeder"
    try:
        return str(own.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(own)


def file_state(file: File) -> str:
    """Its state, or that nobody wants it."""
    return file["state"] if file["selected"] or file["state"] == "stored" else "not selected"


def state_text(state: str) -> Text:
    return Text(state, style=_STATE_STYLES.get(state, "cyan"))


def size(count: float) -> str:
    """Bytes for people: `0 B`, `1023 B`, `1.0 KiB`, `12.3 MiB`."""
    if count < 1024:
        return f"{int(count)} B"
    for unit in _UNITS:
        count /= 1024
        if count < 1023.95 or unit == _UNITS[-1]:
            return f"{count:.1f} {unit}"
    raise AssertionError("the last unit takes everything")


def counted(count: int, thing: str) -> str:
    """`1 file`, `7 files`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def of(part: float, whole: float) -> str:
    """`12.3 of 100.0 MiB`, `900 B of 1.0 KiB`."""
    shown, total = size(part), size(whole)
    number, _, unit = shown.partition(" ")
    return f"{number} of {total}" if total.endswith(f" {unit}") else f"{shown} of {total}"


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3:05`, `2:03:05`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return clock(int(seconds))


def clock(seconds: int) -> str:
    """`0:07`, `3:05`, `2:03:05`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ago(timestamp: str | None, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was: `now`, `5 min ago`, `3 h ago`, `2 d ago`; `never` for null."""
    if not timestamp:
        return "never"
    passed = ((now or datetime.now(UTC)) - datetime.fromisoformat(timestamp)).total_seconds()
    if passed < 60:
        return "now" if passed < 5 else f"{int(passed)} s ago"
    for length, unit in ((3600, "min"), (86400, "h")):
        if passed < length:
            return f"{int(passed / (60 if unit == 'min' else 3600))} {unit} ago"
    return f"{int(passed / 86400)} d ago"


def percent(part: int, whole: int) -> str:
    """`45 %`; never 100 before all is there; `-` of nothing."""
    return f"{part * 100 // whole} %" if whole else "-"
