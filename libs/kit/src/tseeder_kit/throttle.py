"""How guessing is slowed down: free tries first, then waits that double up to a cap. Never a permanent lock.

A try is counted as failed when it is admitted, and taken back when it succeeds: so a hundred guesses sent at once
are a hundred, not one.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """`free_failures` are free, then waits double from `first_wait` to `longest_wait`; `forget` of quiet ends it."""

    free_failures: int
    first_wait: timedelta
    longest_wait: timedelta
    forget: timedelta

    def wait_after(self, failures: int) -> timedelta:
        """How long to wait after this many failures in a row."""
        beyond = failures - self.free_failures
        if beyond < 0:
            return timedelta()
        doublings: int = 2 ** min(beyond, _DOUBLINGS)
        return min(self.longest_wait, self.first_wait * doublings)


@dataclass(frozen=True, slots=True)
class Tally:
    """The tries at one secret, or of one address, as a row keeps them."""

    failures: int
    last_at: datetime
    blocked_until: datetime | None


def seconds_left(tally: Tally, now: datetime) -> int:
    """How long the next try must wait, in whole seconds; 0: it need not."""
    if tally.blocked_until is None or tally.blocked_until <= now:
        return 0
    return max(1, math.ceil((tally.blocked_until - now).total_seconds()))


def tried(policy: Policy, tally: Tally, now: datetime) -> Tally:
    """The row after one more try, which counts as failed until it is taken back."""
    failures = 1 if now - tally.last_at > policy.forget else tally.failures + 1
    wait = policy.wait_after(failures)
    return Tally(failures, now, now + wait if wait else None)


def take_back(policy: Policy, tally: Tally) -> Tally:
    """The row after a try turned out well: that try does not count, others do."""
    failures = max(0, tally.failures - 1)
    blocked = tally.blocked_until if policy.wait_after(failures) else None
    return Tally(failures, tally.last_at, blocked)
