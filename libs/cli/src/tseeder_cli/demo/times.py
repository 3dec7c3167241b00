"""When each step of the demo was done."""

from __future__ import annotations

import time

from tseeder_cli.screen import duration

STEPS = (
    "ready",
    "set up",
    "submitted",
    "metadata",
    "first byte stored",
    "completed",
    "downloaded",
    "verified",
)


class Times:
    """Marks count from its making."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._marks: dict[str, tuple[float, str]] = {}

    def mark(self, step: str, note: str = "") -> None:
        """`step`, one of STEPS, is done now. Only the first time counts."""
        self._marks.setdefault(step, (time.monotonic() - self._began, note))

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Of each step that was done: name, how long it took, when it was done, and its note."""
        rows = []
        before = 0.0
        for step in sorted(self._marks, key=lambda step: (self._marks[step][0], STEPS.index(step))):
            at, note = self._marks[step]
            rows.append((step, duration(at - before), duration(at), note))
            before = at
        return rows
