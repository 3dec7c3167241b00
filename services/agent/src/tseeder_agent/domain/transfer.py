"""What jobs tells an agent about one transfer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """Where a transfer stands while an agent runs it."""

    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    STORING = "storing"


@dataclass(frozen=True, slots=True, order=True)
class LeaseId:
    """A transfer and the epoch under which this agent may run it."""

    transfer_id: str
    epoch: int

    @property
    def folder(self) -> str:
        """The name of its scratch folder; made of ids, never of a torrent's names."""
        return f"{self.transfer_id}.{self.epoch}"


@dataclass(frozen=True, slots=True)
class EntryWish:
    """One entry as jobs sees it: `offset` in piece space, `part_size` 0 for one PUT of the whole; sizes in bytes."""

    file_index: int
    offset: int
    size: int
    wanted: bool = True
    stored: bool = False
    part_size: int = 0
    held: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """A job that looks at the transfer, with its files as inclusive ranges of file_index."""

    job_id: str
    wanted: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something does not move: a stable code, and a sentence for the job's owner."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Description:
    """All that a lease holder must know. `info` and `piece_layers` are raw; both empty while metadata is unknown."""

    lease: LeaseId
    wanted_version: int
    info_hash_v1: str
    info_hash_v2: str
    metadata_known: bool
    private: bool
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]
    peers: tuple[str, ...]
    piece_length: int
    total_bytes: int
    bucket: str
    metadata_timeout_seconds: float
    stall_timeout_seconds: float
    info: bytes = field(repr=False, default=b"")
    piece_layers: bytes = field(repr=False, default=b"")
    entries: tuple[EntryWish, ...] = ()
    views: tuple[View, ...] = ()
