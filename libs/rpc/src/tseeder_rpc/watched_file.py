"""Whether a file is another one than when it was last read: a few system calls, once a second at most."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 1.0


class WatchedFile:
    """A file that others replace, in place or by its name, or by a link on the way to it, as Kubernetes does with the
    Secrets that it mounts. Not for threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path: Final = path
        self._clock = clock
        self._seen = self._stamp()
        self._looked_at = clock()

    def changed(self, *, at_once: bool = False) -> bool:
        """Whether it has changed since it was made, or since this last said so; without `at_once` it looks once a
        second. Ask first and read then, so that a change in between is seen the next time."""
        now = self._clock()
        if not at_once and now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        before, self._seen = self._seen, self._stamp()
        return self._seen != before

    def _stamp(self) -> tuple[int, ...] | None:
        """None while it is not there."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
