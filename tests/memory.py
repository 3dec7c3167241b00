"""Where tests keep their files: in memory, if there is plenty.

They make and delete thousands of databases' files, and ext4 looks through all that was deleted lately for each new one:
half of the kernel's time in a whole run went there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
PLENTY_BYTES = 8 << 30
"""A whole run holds less than half of that at once."""
LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_mine: list[tuple[Path, int]] = []


def use_memory() -> None:
    """Make a folder on tmpfs the one for temporary files, here and in all children. Where TMPDIR is set (as in a
    child), or memory is short or may not hold programs, it changes nothing."""
    if "TMPDIR" in os.environ or not _has_plenty():
        return
    home = ROOT / f"tseeder-tests-{os.getuid()}"
    with suppress(FileExistsError):
        home.mkdir(mode=0o711)
    try:
        gate = os.open(home, FOLDER | os.O_NOFOLLOW)
    except OSError:
        return  # a link, or no folder: not ours
    try:
        if os.fstat(gate).st_uid == os.getuid():
            fcntl.flock(gate, fcntl.LOCK_EX)  # one run at a time comes in, so that none sees another's half made
            _come_in(home)
    finally:
        os.close(gate)


def _come_in(home: Path) -> None:
    for left in home.glob("run-*"):
        _delete_if_over(left)
    mine = Path(tempfile.mkdtemp(prefix="run-", dir=home))
    lock = os.open(mine, FOLDER)
    fcntl.flock(lock, fcntl.LOCK_EX)
    mine.chmod(0o1777)  # servers that run as users of their own write here, too
    _mine.append((mine, lock))
    os.environ["TMPDIR"] = tempfile.tempdir = str(mine)


def leave_memory() -> None:
    """Delete the folder; by the process that made it."""
    while _mine:
        folder, lock = _mine.pop()
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _delete_if_over(folder: Path) -> None:
    """What a run left that was killed: nobody holds its lock any more."""
    lock = os.open(folder, FOLDER)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _has_plenty() -> bool:
    with suppress(OSError):
        found = os.statvfs(ROOT)
        free = min(found.f_bavail * found.f_frsize, _available_bytes(), *_left_to_us())
        return free >= PLENTY_BYTES and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return False


def _available_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0


def _left_to_us() -> list[int]:
    """What a container's limit leaves: files in memory count against it."""
    left = []
    for limit, used in LIMITS:
        with suppress(OSError, ValueError):  # no such limit, or "max"
            top = Path("/sys/fs/cgroup")
            left.append(int((top / limit).read_text()) - int((top / used).read_text()))
    return left
