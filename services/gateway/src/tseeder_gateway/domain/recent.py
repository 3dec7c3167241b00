"""What was found out lately, for a while, and not more of it than there is room for."""

from __future__ import annotations

from collections.abc import Callable


class Recent:
    """Names that were noted in the last `seconds`, the `most` newest of them."""

    def __init__(self, *, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._until: dict[str, float] = {}  # the oldest first, as each holds as long

    def note(self, name: str) -> None:
        """From now on, for so long."""
        self._until.pop(name, None)
        self._until[name] = self._clock() + self._seconds
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def __contains__(self, name: str) -> bool:
        until = self._until.get(name)
        return until is not None and self._clock() < until
