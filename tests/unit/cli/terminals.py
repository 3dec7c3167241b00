"""The `tseeder` command at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from typing import Any


def at_a_terminal(*arguments: str, answer: bytes, ends: bytes = b": ", **options: Any) -> tuple[int, str]:
    """How `tseeder arguments...` ends when somebody types `answer` at its first question (which `ends` so), and
    what it has shown. `options` are Popen's.
    """
    ours, theirs = pty.openpty()
    # In a session of its own, with this as its terminal: what is typed there becomes signals.
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "tseeder_cli", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, **options) as process:
        os.close(theirs)
        shown = b""
        try:
            while ends not in shown:
                shown += os.read(ours, 4096)
            os.write(ours, answer)
            while more := read_again(ours, answer):
                shown += more
            return process.wait(10), shown.decode()
        finally:
            process.kill()  # it has ended, or this test has timed out
            os.close(ours)


def read_again(terminal: int, answer: bytes) -> bytes:
    """What is shown next; b"" at the end. A key that comes just before a prompt waits for keys is lost to it, as to a
    person: it is pressed again.
    """
    while not select.select([terminal], [], [], 3)[0]:
        os.write(terminal, answer)
    try:
        return os.read(terminal, 4096)
    except OSError:  # EIO: nobody has the other end open any more
        return b""
