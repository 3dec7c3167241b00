"""The C library's heap, which keeps what libtorrent and gRPC have freed unless it is asked to give it back."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own; other C libraries give back by themselves


def give_back_memory() -> None:
    """Return free memory to the system; some milliseconds, after a transfer that used much of it."""
    trim = _trim()
    if trim is not None:
        trim(0)
