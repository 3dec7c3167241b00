"""What a lease holder last saw of its swarm, as jobs keeps it. An agent is not believed about sizes or text."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_TRACKERS: Final = 50
MAX_URL_CHARS: Final = 2048
MAX_MESSAGE_CHARS: Final = 200
MOST: Final = 2**53
"""Of every count: what JSON carries exactly."""


class TrackerState(StrEnum):
    """How one tracker answers."""

    WAITING = "waiting"
    WORKING = "working"
    REFUSES = "refuses"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class TrackerEvidence:
    """One tracker. Its URL, and what it says, are for the owner of the URL alone."""

    url: str = field(repr=False)
    state: TrackerState
    message: str = field(repr=False, default="")
    fails: int = 0


@dataclass(frozen=True, slots=True)
class SwarmEvidence:
    """Peers, bytes of payload and pieces of one lease; rates in bytes a second."""

    peers: int = 0
    seeds: int = 0
    candidates: int = 0
    banned_peers: int = 0
    received_bytes: int = 0
    wasted_bytes: int = 0
    failed_pieces: int = 0
    missing_pieces: int = 0
    quiet_seconds: float = 0.0
    trackers: tuple[TrackerEvidence, ...] = ()
    dht_nodes: int = 0
    download_rate: int = 0
    upload_rate: int = 0


def bounded_count(value: int) -> int:
    """A count that is one."""
    return min(max(value, 0), MOST)


def bounded_seconds(value: float) -> float:
    """A duration that is one."""
    return min(max(value, 0.0), float(MOST)) if math.isfinite(value) else 0.0


def plain_line(text: str) -> str:
    """A stranger's words as one line: without control, direction and private characters, 200 at most."""
    kept = (letter if unicodedata.category(letter)[0] != "C" else " " for letter in text[: 4 * MAX_MESSAGE_CHARS])
    return " ".join("".join(kept).split())[:MAX_MESSAGE_CHARS]
