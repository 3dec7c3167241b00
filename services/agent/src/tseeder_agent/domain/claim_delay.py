"""How long an agent lets others ask first when the bell for work rings: the fuller it is, the longer."""

from __future__ import annotations

from typing import Final

SLOTS_SECONDS: Final = 0.4
"""With all slots but none free."""
LINK_SECONDS: Final = 0.5
"""With its link full."""
NEAR: Final = 0.7
"""Below this share of its bandwidth one more transfer gets what it can take."""


def claim_delay(running: int, slots: int, rate: float, bandwidth: int) -> float:
    """Seconds, less than one; none for who does nothing. `rate` and `bandwidth`: bytes a second; bandwidth 0: unknown.

    Agents know nothing of each other, so each judges itself: of two that hear one bell, the freer is heard first.
    """
    full = min(running / slots, 1.0)
    used = min(rate / bandwidth, 1.0) if bandwidth else 0.0
    return SLOTS_SECONDS * full + LINK_SECONDS * max(0.0, used - NEAR) / (1 - NEAR)
