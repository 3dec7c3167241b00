"""How long an agent may act for a lease without having heard from jobs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Jobs' own timers, in seconds."""

    heartbeat_seconds: float
    lease_seconds: float
    self_stop_seconds: float


@dataclass(slots=True)
class Tenure:
    """A lease's life as its agent counts it, on CLOCK_BOOTTIME, from when the renewing call was SENT.

    The reply may be late, the clock of jobs is another one, and a suspended machine does not notice: so nothing later
    than the sending may be counted from.
    """

    self_stop_seconds: float
    renewed_at: float

    def renewed(self, sent_at: float) -> None:
        """A call that was sent at `sent_at` renewed the lease. An older call that is answered late changes nothing."""
        self.renewed_at = max(self.renewed_at, sent_at)

    def remaining(self, now: float) -> float:
        """Seconds for which the agent may go on; 0 or less: it must not."""
        return self.renewed_at + self.self_stop_seconds - now
