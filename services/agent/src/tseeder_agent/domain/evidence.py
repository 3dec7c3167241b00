"""What this agent sees of a swarm, told to jobs: the evidence behind a diagnosis. No more of it than fits one call."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tseeder_agent.domain.addresses import MAX_TRACKERS

MAX_MESSAGE_CHARS: Final = 200
_MOST_WAYS: Final = 16


class TrackerState(StrEnum):
    """How one tracker answers."""

    WAITING = "waiting"
    WORKING = "working"
    REFUSES = "refuses"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class TrackerSighting:
    """One tracker. Its URL is its owner's secret. `message`: its own words, or the network's; `fails` in a row."""

    url: str = field(repr=False)
    state: TrackerState
    message: str = field(repr=False, default="")
    fails: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one lease: peers by number, bytes of payload, pieces by number; rates in bytes a second."""

    peers: int = 0
    seeds: int = 0
    candidates: int = 0
    banned_peers: int = 0
    received_bytes: int = 0
    wasted_bytes: int = 0
    failed_pieces: int = 0
    missing_pieces: int = 0
    quiet_seconds: float = 0.0
    trackers: tuple[TrackerSighting, ...] = ()
    dht_nodes: int = 0
    download_rate: int = 0
    upload_rate: int = 0


def cleaned(text: str) -> str:
    """A stranger's words for a line of text: no control or direction characters, 200 characters at most."""
    kept = (letter if unicodedata.category(letter)[0] != "C" else " " for letter in text[: 4 * MAX_MESSAGE_CHARS])
    return " ".join("".join(kept).split())[:MAX_MESSAGE_CHARS]


class TrackerBook:
    """The trackers of one torrent, 50 at most. Each may be asked in several ways (an address of ours, a version of the
    protocol), and works if it does in one of them."""

    def __init__(self, urls: Iterable[str] = ()) -> None:
        self._ways: dict[str, dict[Hashable, TrackerSighting]] = {}
        self._warnings: dict[tuple[str, Hashable], str] = {}
        self.add(urls)

    def add(self, urls: Iterable[str]) -> None:
        """These are asked, too."""
        for url in urls:
            if len(self._ways) < MAX_TRACKERS:
                self._ways.setdefault(url, {})

    def failed(self, url: str, way: Hashable, message: str, *, refuses: bool, fails: int) -> None:
        """It answered and said no (`refuses`), or was not to be had."""
        state = TrackerState.REFUSES if refuses else TrackerState.UNREACHABLE
        self._note(way, TrackerSighting(url, state, cleaned(message), max(1, fails)))

    def warned(self, url: str, way: Hashable, message: str) -> None:
        """It has something to say beside the answer that comes with it."""
        if url in self._ways:
            self._warnings[url, way] = cleaned(message)

    def answered(self, url: str, way: Hashable) -> None:
        """It works."""
        self._note(way, TrackerSighting(url, TrackerState.WORKING, self._warnings.pop((url, way), "")))

    def _note(self, way: Hashable, seen: TrackerSighting) -> None:
        ways = self._ways.get(seen.url)
        if ways is not None and (way in ways or len(ways) < _MOST_WAYS):
            ways[way] = seen

    def seen(self) -> tuple[TrackerSighting, ...]:
        """Each tracker, by its best way."""
        return tuple(_best(url, ways.values()) for url, ways in self._ways.items())


_BEST_FIRST: Final = (TrackerState.WORKING, TrackerState.REFUSES, TrackerState.UNREACHABLE)


def _best(url: str, ways: Iterable[TrackerSighting]) -> TrackerSighting:
    waiting = TrackerSighting(url, TrackerState.WAITING)
    return min(ways, key=lambda way: _BEST_FIRST.index(way.state), default=waiting)
