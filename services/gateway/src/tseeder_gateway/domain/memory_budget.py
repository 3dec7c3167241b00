"""How many bytes the gateway holds at once for one purpose, in all and for one caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tseeder_kit.errors import AppError, exhausted, unavailable

RETRY_SECONDS: Final = 1


@dataclass(frozen=True)
class Refusals:
    """What is said to a caller who holds too much (with his limit in bytes), and while all together do."""

    too_much: Callable[[int], AppError]
    full: Callable[[], AppError]


def _too_many_uploads(limit_bytes: int) -> AppError:
    return exhausted(
        "too_many_uploads",
        "Too many bytes of your requests are under way at once; send them after each other.",
        limit_bytes=limit_bytes,
        retry_after_seconds=RETRY_SECONDS,
    )


def _uploads_busy() -> AppError:
    message = "Too many uploads are under way; try again."
    return unavailable("uploads_busy", message, retry_after_seconds=RETRY_SECONDS)


def _too_many_archives(limit_bytes: int) -> AppError:
    return exhausted(
        "too_many_archives",
        "Too many of your archives are under way at once; fetch them after each other.",
        limit_bytes=limit_bytes,
        retry_after_seconds=RETRY_SECONDS,
    )


def _archives_busy() -> AppError:
    message = "Too many archives are under way; try again."
    return unavailable("archives_busy", message, retry_after_seconds=RETRY_SECONDS)


def _too_many_subtitles(limit_bytes: int) -> AppError:
    return exhausted(
        "too_many_subtitles",
        "Too many of your subtitles are being converted at once; fetch them after each other.",
        limit_bytes=limit_bytes,
        retry_after_seconds=RETRY_SECONDS,
    )


def _subtitles_busy() -> AppError:
    message = "Too many subtitles are being converted at the moment; try again."
    return unavailable("subtitles_busy", message, retry_after_seconds=RETRY_SECONDS)


UPLOADS: Final = Refusals(_too_many_uploads, _uploads_busy)
ARCHIVES: Final = Refusals(_too_many_archives, _archives_busy)
SUBTITLES: Final = Refusals(_too_many_subtitles, _subtitles_busy)


class MemoryBudget:
    """Counts bytes that are held; callers who hold none take no room."""

    def __init__(self, total: int, per_caller: int, refusals: Refusals = UPLOADS) -> None:
        self._total = total
        self._per_caller = per_caller
        self._refusals = refusals
        self._held = 0
        self._by_caller: Counter[str] = Counter()

    def hold(self, caller: str) -> Held:
        """Nothing yet."""
        return Held(self, caller)

    def take(self, caller: str, size: int) -> None:
        """`size` bytes more. Raises AppError EXHAUSTED or UNAVAILABLE, as the refusals have them."""
        if self._by_caller[caller] + size > self._per_caller:
            raise self._refusals.too_much(self._per_caller)
        if self._held + size > self._total:
            raise self._refusals.full()
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
    """What one request holds of a budget, until it is given back as a whole."""

    def __init__(self, budget: MemoryBudget, caller: str) -> None:
        self._budget = budget
        self._caller = caller
        self._size = 0

    def reach(self, size: int) -> None:
        """Holds `size` bytes from now on, if it held less. Raises as `MemoryBudget.take`."""
        if size > self._size:
            self._budget.take(self._caller, size - self._size)
            self._size = size

    def keep(self, size: int) -> None:
        """Holds no more than `size` bytes from now on."""
        if size < self._size:
            self._budget.give_back(self._caller, self._size - size)
            self._size = size

    def release(self) -> None:
        """Holds nothing more."""
        self._budget.give_back(self._caller, self._size)
        self._size = 0
