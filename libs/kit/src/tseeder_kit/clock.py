"""The two clocks: UTC for what people and rows see, CLOCK_BOOTTIME for measuring what must count a suspend, too."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The time, UTC, aware."""
    return datetime.now(UTC)


def boottime() -> float:
    """Seconds since boot, including suspend; never goes backwards. Leases are measured with it.

    Where a platform lacks CLOCK_BOOTTIME (macOS, for development), its monotonic clock stands in.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
