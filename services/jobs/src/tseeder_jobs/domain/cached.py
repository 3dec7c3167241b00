"""How much of a torrent is stored, as a check of the cache tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CacheState(StrEnum):
    """What a submit of it would find."""

    ABSENT = "absent"
    PARTIAL = "partial"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Cached:
    """One torrent's files, all of them, and those that are stored; a file of 0 bytes always is."""

    total_bytes: int
    stored_bytes: int
    file_count: int
    stored_files: int

    @property
    def state(self) -> CacheState:
        """`absent` while no byte is stored: that somebody has asked for a torrent says nothing about it."""
        if self.stored_files == self.file_count:
            return CacheState.STORED
        return CacheState.PARTIAL if self.stored_bytes else CacheState.ABSENT
