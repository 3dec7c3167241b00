"""Lines that tell what a bench does now, on stderr, each with the seconds since the start."""

from __future__ import annotations

import sys
import time
from typing import Final

_BEGAN: Final = time.monotonic()


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"[{time.monotonic() - _BEGAN:6.1f} s] {text}\n")
    sys.stderr.flush()
