"""Programs that run to their end: initdb, mkfs and the like."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tseeder_stack.errors import StackError
from tseeder_stack.owners import Owner

_EXEC_CHILD = Path(__file__).with_name("exec_child.py")


def prelude(owner: Owner | None, death_signal: signal.Signals = signal.SIGKILL) -> tuple[str, ...]:
    """The words before a command that make it run as `owner` and end with this process: see exec_child.py."""
    identity = (str(owner.uid), str(owner.gid)) if owner else ("-1", "-1")
    return (sys.executable, "-I", "-S", str(_EXEC_CHILD), str(os.getpid()), str(int(death_signal)), *identity)


def run_once(
    argv: Sequence[str], *, owner: Owner | None, cwd: Path, timeout: float, env: Mapping[str, str] | None = None
) -> str:
    """Run a command to its end, as `owner`; returns its stdout. Blocking. StackError with its words if it fails."""
    name = Path(argv[0]).name
    command = [*prelude(owner), *argv]
    try:
        result = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{name} did not end in {timeout:g} s") from error
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip()
        raise StackError(f"{name} failed (exit {result.returncode}): {words}")
    return result.stdout
