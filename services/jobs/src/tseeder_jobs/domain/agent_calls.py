"""What agents ask and are told, as the use cases see it; api/agents.py translates from and to the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.domain.states import TransferState


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """Who calls: the agent and the boot whose credential it showed."""

    agent_id: str
    boot_id: UUID


@dataclass(frozen=True, slots=True)
class LeaseRef:
    """One lease, as every call names it."""

    transfer_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Registration:
    """A boot that wants to join."""

    agent_id: str
    boot_id: UUID
    join_secret: str
    read_url: str
    transfers_capacity: int
    disk_bytes: int
    leftovers: tuple[LeaseRef, ...]
    software_version: str


@dataclass(frozen=True, slots=True)
class Registered:
    """Its credential, and which leftover folders it may keep."""

    credential: str
    credential_expires_at: datetime
    keep: tuple[LeaseRef, ...]


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that a heartbeat names, and the wish that the agent works by."""

    lease: LeaseRef
    wanted_version: int


@dataclass(frozen=True, slots=True)
class Order:
    """What changed for one lease: describe again, or (`park`) flush and release."""

    lease: LeaseRef
    wanted_version: int
    park: bool


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """Which leases live on, which are lost, and what to do."""

    renewed: tuple[LeaseRef, ...]
    lost: tuple[LeaseRef, ...]
    orders: tuple[Order, ...]
    drain: bool
    cordoned: bool


@dataclass(frozen=True, slots=True)
class ClaimedLease:
    """A transfer that is the caller's from now on. `taken_over`: another lease for it had run out."""

    lease: LeaseRef
    expires_at: datetime
    disk_reserved_bytes: int
    traceparent: str | None
    waited_seconds: float
    taken_over: bool


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry as its lease holder must know it; `held` are (number, size) of parts in S3."""

    file_index: int
    piece_offset: int
    size_bytes: int
    wanted: bool
    stored: bool
    part_size_bytes: int
    held: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a swarm may be found; one job's own, or the union of those on a transfer."""

    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """All that a lease holder must know. `info` is None while metadata is unknown."""

    lease: LeaseRef
    wanted_version: int
    state: TransferState
    info_hash_v1: str
    info_hash_v2: str
    private: bool
    sources: Sources
    piece_length: int
    piece_space_bytes: int
    bucket: str
    info: bytes | None
    piece_layers: bytes | None
    metadata_timeout_seconds: float
    stall_timeout_seconds: float
    entries: tuple[EntryView, ...] = ()
    views: tuple[tuple[UUID, tuple[int, ...]], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class MetadataVerdict:
    """Go on with the transfer, or stop (the lease is gone) and why."""

    proceed: bool
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class WriteIntent:
    """A part (1-based), or with number 0 the whole file, that is about to go up."""

    file_index: int
    part_number: int
    size_bytes: int
    crc32: int


class WriteVerdict(StrEnum):
    """What to do with one intent."""

    GO = "go"
    HELD = "held"
    STORED = "stored"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class WritePlan:
    """Where the bytes go; key, upload id and (where agents hold no key) `presigned_url` only with GO."""

    file_index: int
    part_number: int
    verdict: WriteVerdict
    object_key: str = ""
    s3_upload_id: str = ""
    presigned_url: str = field(default="", repr=False)
    with_crc32: bool = False


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What S3 answered to one write."""

    file_index: int
    part_number: int
    object_key: str
    s3_upload_id: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UploadGone:
    """S3 does not know this upload any more."""

    file_index: int
    s3_upload_id: str


class CompleteVerdict(StrEnum):
    """What became of one file."""

    STORED = "stored"
    MISSING = "missing"
    RESET = "reset"
    LATER = "later"
    UNWANTED = "unwanted"


@dataclass(frozen=True, slots=True)
class CompletedFile:
    """One file's outcome; `missing_parts` with MISSING (0: the whole file), `reason` with LATER."""

    file_index: int
    verdict: CompleteVerdict
    missing_parts: tuple[int, ...] = ()
    reason: Reason | None = None
