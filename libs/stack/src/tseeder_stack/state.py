"""The state folder: its lock, and stack.json, which tells others what runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tseeder_stack.errors import AlreadyRunningError, StackError

LEFTOVER_SECONDS = 10.0


class StateFile:
    """`<state>/stack.json`, replaced as a whole whenever something changes."""

    def __init__(self, state: Path) -> None:
        self.path = state / "stack.json"

    def read(self) -> dict[str, Any]:
        """What was written last; empty if there is nothing (readable)."""
        try:
            content = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace it. Readers see the old one or the new one, never half of one."""
        fresh = self.path.with_name(".stack.json.new")
        fresh.write_text(json.dumps(content, indent=2) + "\n")
        fresh.replace(self.path)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the state folder for one launcher, to the end of the process at most. AlreadyRunningError if it is held."""
    with (state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"a stack runs on {state} already (launcher's pid {holder}): stop that one first"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def start_time(pid: int) -> int:
    """When the process began, in clock ticks since boot; 0 if there is none. A pid alone may be used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])


def end_leftovers(content: Mapping[str, Any]) -> None:
    """Wait until the processes named in an earlier launcher's stack.json are gone; kill those that stay. Blocking.

    They get a death signal when their launcher is killed, but Postgres needs a moment to end.
    """
    programs = content.get("programs", {})
    known = [(entry.get("pid") or 0, entry.get("started_ticks") or 0) for entry in programs.values()]
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while left := [pid for pid, ticks in known if pid and ticks and start_time(pid) == ticks and not _is_zombie(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline + LEFTOVER_SECONDS:
            raise StackError(f"processes {left} of an earlier stack do not end")
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
