"""Where tests keep their files: in memory, if there is plenty.

They make and delete thousands of databases' files, and ext4 looks through all that was deleted lately for each new one:
half of the kernel's time in a whole run went there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
PLENTY_BYTES = 8 << 30
"""A whole run holds less than half of that at once."""


def use_memory() -> None:
    """Make a folder on tmpfs the one for temporary files, here and in all children. Called again, or where TMPDIR is
    set, or where memory is short or may not hold programs, it changes nothing."""
    if "TMPDIR" in os.environ or not _has_plenty():
        return
    home = ROOT / f"tseeder-tests-{os.getuid()}"
    home.mkdir(mode=0o711, exist_ok=True)
    for left in home.iterdir():  # by a run that was killed
        if not Path("/proc", left.name).exists():
            shutil.rmtree(left, ignore_errors=True)
    mine = home / str(os.getpid())
    mine.mkdir(exist_ok=True)
    mine.chmod(0o1777)  # servers that run as users of their own write here, too
    os.environ["TMPDIR"] = tempfile.tempdir = str(mine)


def leave_memory() -> None:
    """Delete the folder; by the process that made it."""
    mine = ROOT / f"tseeder-tests-{os.getuid()}" / str(os.getpid())
    if mine.exists():
        shutil.rmtree(mine, ignore_errors=True)


def _has_plenty() -> bool:
    with suppress(OSError):
        found = os.statvfs(ROOT)
        free = min(found.f_bavail * found.f_frsize, _available_bytes())
        return free >= PLENTY_BYTES and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return False


def _available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
