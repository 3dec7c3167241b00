"""What an agent tells jobs of its writes to S3, and what jobs answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tseeder_agent.domain.parts import PartKey
from tseeder_agent.domain.transfer import LeaseId, Problem


@dataclass(frozen=True, slots=True)
class Intent:
    """A part that is about to go up."""

    key: PartKey
    size: int
    crc32: int


class Verdict(StrEnum):
    """What to do with an intent."""

    GO = "go"
    HELD = "held"
    STORED = "stored"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where it goes; the rest is empty unless the verdict is GO."""

    key: PartKey
    verdict: Verdict
    object_key: str = ""
    upload_id: str = ""
    presigned_url: str = ""
    with_crc32: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What S3 answered; `etag` without quotes. With `gone` S3 knows no such upload."""

    key: PartKey
    size: int
    object_key: str
    upload_id: str
    etag: str = ""
    gone: bool = False


class Completion(StrEnum):
    """What became of an entry whose parts are all there."""

    STORED = "stored"
    MISSING = "missing"
    RESET = "reset"
    LATER = "later"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class Completed:
    """One entry's outcome; `missing` part numbers with MISSING, `problem` with LATER."""

    file_index: int
    verdict: Completion
    missing: tuple[int, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lease that is this agent's from now on."""

    lease: LeaseId
    disk_reserved: int
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What jobs wants for one lease: describe again, or (`park`) flush and give it back."""

    lease: LeaseId
    wanted_version: int
    park: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat's answer."""

    renewed: frozenset[LeaseId]
    lost: frozenset[LeaseId]
    orders: tuple[Order, ...]
    drain: bool
    cordoned: bool
