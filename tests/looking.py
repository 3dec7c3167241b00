"""How often to look for what other loops and processes do, which sets no event of ours."""

from __future__ import annotations

from collections.abc import Iterator

FIRST_SECONDS, LONGEST_SECONDS, GROWTH = 0.01, 0.25, 1.4


def pauses() -> Iterator[float]:
    """Seconds before each next look: soon at first, as most things come at once; then ever rarer, since each look
    takes from the machine that does what is waited for."""
    pause = FIRST_SECONDS
    while True:
        yield pause
        pause = min(pause * GROWTH, LONGEST_SECONDS)
