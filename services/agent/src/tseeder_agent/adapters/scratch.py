"""The scratch folder: one folder per lease, and a lock that keeps other processes out."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from tseeder_agent.domain.transfer import LeaseId
from tseeder_kit.errors import conflict
from tseeder_kit.logging import get_logger

_log = get_logger(__name__)
_FOLDER = re.compile(r"(?P<transfer>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<epoch>\d{1,18})")
_LOCK = ".lock"
BLOCK = 512  # of st_blocks, whatever the disk's own are


class Scratch:
    """Made by `open`. Folders that are not a lease's are left alone."""

    def __init__(self, root: Path, limit_bytes: int, lock: int) -> None:
        self.root = root
        self._limit = limit_bytes
        self._lock = lock

    @classmethod
    def open(cls, root: Path, limit_bytes: int = 0) -> Scratch:
        """Make and lock it. CONFLICT `scratch_in_use` if another process has it; blocking."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise conflict("scratch_in_use", "Another process uses this agent's scratch folder.") from None
        return cls(root.absolute(), limit_bytes, lock)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._lock)

    def folder(self, lease: LeaseId) -> Path:
        """Where the data of this lease is staged."""
        return self.root / lease.folder

    def leftovers(self) -> list[LeaseId]:
        """The leases whose folders lie here; blocking."""
        matches = (_FOLDER.fullmatch(path.name) for path in self.root.iterdir() if path.is_dir())
        return [LeaseId(match["transfer"], int(match["epoch"])) for match in matches if match]

    def used_bytes(self, lease: LeaseId) -> int:
        """What the files of its folder take of the disk, holes not counted; blocking."""
        with suppress(OSError):  # somebody deletes it
            return sum(path.lstat().st_blocks * BLOCK for path in self.folder(lease).rglob("*") if not path.is_dir())
        return 0

    def move(self, old: LeaseId, new: LeaseId) -> bool:
        """Let another lease have a folder; False: it is gone, or the other lease has one already. Blocking."""
        try:
            self.folder(old).rename(self.folder(new))
        except OSError as exc:
            _log.warning("scratch_not_moved", folder=old.folder, exc_info=exc)
            return False
        return True

    async def drop(self, lease: LeaseId) -> None:
        """Delete what is staged for this lease; nothing if there is nothing."""
        folder = self.folder(lease)
        await asyncio.to_thread(shutil.rmtree, folder, onerror=self._complain)

    @staticmethod
    def _complain(_function: object, path: str, error: object) -> None:
        cause = error[1] if isinstance(error, tuple) else error
        if not isinstance(cause, FileNotFoundError):
            _log.warning("scratch_not_deleted", folder=Path(path).name, exc_info=cause)

    def capacity_bytes(self) -> int:
        """How much may be staged here in all."""
        total = shutil.disk_usage(self.root).total
        return min(self._limit, total) if self._limit else total

    def free_bytes(self) -> int:
        """How much the disk takes now."""
        return shutil.disk_usage(self.root).free
