"""How many bytes of requests' bodies the gateway holds at once, in all and for one caller."""

from __future__ import annotations

from collections import Counter
from typing import Final

from tseeder_kit.errors import exhausted, unavailable

RETRY_SECONDS: Final = 1


class MemoryBudget:
    """Counts bytes that are held; callers who hold none take no room."""

    def __init__(self, total: int, per_caller: int) -> None:
        self._total = total
        self._per_caller = per_caller
        self._held = 0
        self._by_caller: Counter[str] = Counter()

    def hold(self, caller: str) -> Held:
        """Nothing yet."""
        return Held(self, caller)

    def take(self, caller: str, size: int) -> None:
        """`size` bytes more. Raises AppError EXHAUSTED `too_many_uploads`, UNAVAILABLE `uploads_busy`."""
        if self._by_caller[caller] + size > self._per_caller:
            raise exhausted(
                "too_many_uploads",
                "Too many bytes of your requests are under way at once; send them after each other.",
                limit_bytes=self._per_caller,
                retry_after_seconds=RETRY_SECONDS,
            )
        if self._held + size > self._total:
            raise unavailable(
                "uploads_busy", "Too many uploads are under way; try again.", retry_after_seconds=RETRY_SECONDS
            )
        self._held += size
        self._by_caller[caller] += size

    def give_back(self, caller: str, size: int) -> None:
        """`size` bytes less."""
        self._held -= size
        self._by_caller[caller] -= size
        if not self._by_caller[caller]:
            del self._by_caller[caller]

    @property
    def held_bytes(self) -> int:
        """Bytes in all."""
        return self._held


class Held:
    """What one request holds of a budget; it only grows, until it is given back as a whole."""

    def __init__(self, budget: MemoryBudget, caller: str) -> None:
        self._budget = budget
        self._caller = caller
        self._size = 0

    def reach(self, size: int) -> None:
        """Holds `size` bytes from now on, if it held less. Raises as `MemoryBudget.take`."""
        if size > self._size:
            self._budget.take(self._caller, size - self._size)
            self._size = size

    def release(self) -> None:
        """Holds nothing more."""
        self._budget.give_back(self._caller, self._size)
        self._size = 0
