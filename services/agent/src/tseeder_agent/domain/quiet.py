"""For how long a transfer got nothing useful."""

from __future__ import annotations


class Quiet:
    """Of one torrent in the session; times are seconds of one clock. Useful bytes are those that came and were not
    wasted: a liar's count until their piece is found wrong, and not again after that."""

    def __init__(self, useful_bytes: int, now: float) -> None:
        self._most = useful_bytes
        self._since = now

    def saw(self, useful_bytes: int, last_arrival: float, now: float) -> float:
        """So much came so far, and a right piece last then; for how many seconds nothing did."""
        if useful_bytes > self._most:
            self._most = useful_bytes
            self._since = now
        self._since = max(self._since, last_arrival)
        return now - self._since

    def restart(self, now: float) -> None:
        """Nothing is waited for."""
        self._since = now
