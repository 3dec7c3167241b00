"""One stream for the lines of all programs, each with a coloured prefix, and one log file per program."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
LAUNCHER = "stack"
KEEP_LOG_BYTES = 20_000_000
LONGEST_EXCEPTION = 200
_KNOWN_FIELDS = frozenset({"ts", "timestamp", "level", "service", "event", "logger"})


class Console:
    """Where the launcher tells what happens.

    `stream` None: nothing is shown (tests). `programs` False: only the launcher's own lines are, not the programs'.
    """

    def __init__(self, stream: TextIO | None, *, programs: bool = True) -> None:
        self._stream = stream
        self._programs = programs
        self._colour = stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")
        self._prefixes: dict[str, str] = {}

    def line(self, program: str, text: str) -> None:
        """Show a line that `program` wrote."""
        if self._programs:
            self._write(program, readable(text))

    def notice(self, text: str) -> None:
        """Show a line of the launcher's own."""
        self._write(LAUNCHER, text)

    def _write(self, program: str, text: str) -> None:
        if self._stream is None:
            return
        prefix = self._prefixes.setdefault(program, self._prefix(program))
        self._stream.write(f"{prefix} {text}\n")
        self._stream.flush()

    def _prefix(self, program: str) -> str:
        label = f"{program:<9}|"
        if not self._colour:
            return label
        code = 1 if program == LAUNCHER else COLOURS[len(self._prefixes) % len(COLOURS)]
        return f"\x1b[{code}m{label}\x1b[0m"


def readable(line: str) -> str:
    """A JSON log line as `LEVEL event key=value ...`; any other line as it is. (The log file keeps the JSON.)"""
    if not line.startswith("{"):
        return line
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    if not isinstance(fields, dict) or "event" not in fields:
        return line
    told = {key: value for key, value in fields.items() if key not in _KNOWN_FIELDS and value is not None}
    if "exception" in told:
        told["exception"] = _short(told["exception"])
    rest = " ".join(f"{key}={value}" for key, value in told.items())
    return f"{str(fields.get('level', 'info')).upper():<7} {fields['event']} {rest}".rstrip()


def _short(exception: object) -> str:
    """What was raised, without its frames. (The log file keeps them.)"""
    try:
        raised = exception[0] if isinstance(exception, list) else exception
        kind, value = str(raised["exc_type"]), str(raised["exc_value"])  # type: ignore[index]  # caught below
    except (LookupError, TypeError):
        lines = str(exception).strip().splitlines() or [""]
        return _cut(lines[-1])
    return _cut(f"{kind}: {value}" if value else kind)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_EXCEPTION else line[: LONGEST_EXCEPTION - 1] + "…"


def open_log(path: Path) -> TextIO:
    """`path` to append to; a file that has grown past 20 MB is set aside as `<name>.1` first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > KEEP_LOG_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return path.open("a", encoding="utf-8", buffering=1)
