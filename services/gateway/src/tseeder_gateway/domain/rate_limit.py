"""A token bucket for each caller, in this process."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_CALLERS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one more request is taken, and what RateLimit-* and Retry-After say about it."""

    taken: bool
    limit: int
    remaining: int
    retry_after_seconds: int


class RateLimit:
    """Up to `burst` requests at once, `rate` a second in the long run, for each caller.

    Of more than `max_callers` callers the longest silent one is forgotten: he would find a full bucket, as would
    anybody new, so the limit never gets tighter by it.
    """

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float], max_callers: int = MAX_CALLERS) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._max_callers = max_callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, as of when

    def take(self, caller: str) -> Verdict:
        """Takes one request of `caller` into account."""
        now = self._clock()
        tokens, since = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._rate)
        taken = tokens >= 1.0
        left = tokens - 1.0 if taken else tokens
        self._buckets[caller] = (left, now)
        if len(self._buckets) > self._max_callers:
            self._buckets.popitem(last=False)
        wait = 0 if taken else max(1, math.ceil((1.0 - left) / self._rate))
        return Verdict(taken, self._burst, int(left), wait)

    def give_back(self, caller: str) -> None:
        """Takes back a request that `take` took: it turned out to be none that is to be limited."""
        found = self._buckets.get(caller)
        if found is not None:
            tokens, since = found
            self._buckets[caller] = (min(float(self._burst), tokens + 1.0), since)

    def __len__(self) -> int:
        return len(self._buckets)
