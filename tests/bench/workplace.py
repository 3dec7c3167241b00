"""The one folder of a bench: gone when the bench ends, and if that was killed, when the next one starts."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.results import GIB, BenchError


@contextmanager
def workplace(gib_free: float) -> Iterator[Path]:
    """An empty folder that the stack's OS users can reach, on a disk with that much room; for one bench at a time."""
    lock = Path(tempfile.gettempdir()) / "tseeder-bench.lock"
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BenchError("another bench runs here: their figures would be worth nothing") from None
        for left in Path(tempfile.gettempdir()).glob("tseeder-bench-*"):
            shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(tempfile.gettempdir()).free / GIB
        if free < gib_free:
            raise BenchError(f"{tempfile.gettempdir()} has {free:.0f} GiB free; this bench needs {gib_free:.0f}")
        with tempfile.TemporaryDirectory(prefix="tseeder-bench-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            folder.chmod(0o711)
            yield folder
