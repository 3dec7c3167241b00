"""When a transfer whose peers are there gets nothing, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from tseeder_agent.domain.swarm_view import SwarmView

LONGEST_PAUSE_SECONDS: Final = 600.0


class Answer(StrEnum):
    """Ask trackers and peers again, or give libtorrent the torrent anew."""

    ASKED_AGAIN = "asked_again"
    BEGUN_AGAIN = "begun_again"


class Standstill:
    """Of one torrent in the session; times are seconds of one clock.

    libtorrent 2.1.1 can forget a piece whose hash was wrong: it is to be cleared from the write cache, and that waits
    for ever for a flush that had nothing to write. Every block then counts as finished, nobody is asked for it, and
    nothing but another storage helps: the torrent is added anew.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._first_patience = patience
        self._patience = patience
        self._moved_at = now
        self._useful = 0
        self._forgotten: frozenset[int] = frozenset()

    def saw(self, useful_bytes: int, last_arrival: float, now: float) -> float:
        """So much came so far; for how long nothing did, or nobody was asked again."""
        if useful_bytes > self._useful or last_arrival > self._moved_at:
            self._moved_at = now if useful_bytes > self._useful else last_arrival
            self._useful = useful_bytes
            self._patience = self._first_patience
        return now - self._moved_at

    def wants_view(self, *, suspicious: bool, now: float) -> bool:
        """Whether to look closer. `suspicious`: a piece that is waited for was wrong when it came last."""
        return suspicious or bool(self._forgotten) or now - self._moved_at >= self._patience

    def judge(
        self, view: SwarmView, lacks: Callable[[int], bool], *, may_begin_again: bool, now: float
    ) -> Answer | None:
        """A piece is forgotten if all its blocks were there at two looks, and its hash was neither right nor wrong.

        `lacks`: whether a piece is waited for. Each time nothing comes of it, the patience is twice as long.
        """
        before, self._forgotten = self._forgotten, frozenset(filter(lacks, view.unhashed))
        if before & self._forgotten and may_begin_again:
            return Answer.BEGUN_AGAIN
        if now - self._moved_at < self._patience:
            return None
        self._moved_at = now
        self._patience = min(2 * self._patience, LONGEST_PAUSE_SECONDS)
        return Answer.ASKED_AGAIN
