"""How many event streams one user may hold open on this gateway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tseeder_kit.errors import exhausted


class StreamSlots:
    """Counts open streams by user; users without any take no room."""

    def __init__(self, per_user: int) -> None:
        self._per_user = per_user
        self._open: Counter[str] = Counter()

    @contextmanager
    def hold(self, user_id: str) -> Iterator[None]:
        """One stream, while inside. Raises AppError EXHAUSTED `too_many_streams`."""
        if self._open[user_id] >= self._per_user:
            raise exhausted(
                "too_many_streams", "Too many event streams are open.", limit=self._per_user, retry_after_seconds=5
            )
        self._open[user_id] += 1
        try:
            yield
        finally:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]
