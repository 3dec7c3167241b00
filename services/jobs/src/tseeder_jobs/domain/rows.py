"""The rows that use cases decide by, as read from the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tseeder_jobs.domain.media_facts import MediaFacts
from tseeder_jobs.domain.natural_order import Place
from tseeder_jobs.domain.states import FileState, JobState, TransferState


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TorrentRow:
    """One info dictionary in one scope, or one user's unverified magnet."""

    torrent_id: UUID
    scope_user_id: UUID | None
    verified: bool
    private: bool
    name: str | None
    total_bytes: int
    piece_length: int | None
    piece_space_bytes: int | None
    file_count: int


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One run for one torrent."""

    transfer_id: UUID
    torrent_id: UUID
    state: TransferState
    epoch: int
    wanted_version: int
    payer_user_id: UUID
    attempts_spent: int
    deaths: int  # leases in a row that ended with their agent, and without progress


@dataclass(frozen=True, slots=True)
class JobRow:
    """One user's wish, as its owner sees it."""

    job_id: UUID
    user_id: UUID
    torrent_id: UUID
    transfer_id: UUID | None
    run: int
    state: JobState
    name: str | None
    hint: str | None
    selection: list[int] | None
    own_priority: int
    reason_code: str | None
    reason_message: str | None
    file_count: int
    wanted_files: int
    wanted_bytes: int
    stored_files: int
    stored_bytes: int
    version: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    primary_file_id: UUID | None
    # of its torrent and transfer
    verified: bool
    private: bool
    torrent_name: str | None
    total_bytes: int
    transfer_reason_code: str | None
    transfer_reason_message: str | None
    expires_at: datetime | None  # when the first of its files ends, as its user's plan is now

    @property
    def shown_name(self) -> str:
        """The user's name for it, else the torrent's once it is known, else the magnet's own words."""
        return self.name or self.torrent_name or self.hint or ""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One file of a torrent."""

    entry_id: UUID
    file_index: int
    path: list[str]
    size_bytes: int
    piece_offset: int
    place: Place


@dataclass(frozen=True, slots=True)
class FileRow:
    """A job's view of one entry."""

    file_id: UUID
    job_id: UUID
    user_id: UUID
    entry_id: UUID
    file_index: int
    path: list[str]
    size_bytes: int
    selected: bool
    state: FileState
    crc32: int | None
    stored_at: datetime | None
    expires_at: datetime | None  # as its user's plan is now; None: not stored, or kept for ever
    natural_rank: int  # in its torrent; -1: not known yet
    primary: bool
    sniffed_type: str | None  # what its first bytes say, where its name says nothing
    media: MediaFacts | None = None  # of one file that is asked for; lists go without


@dataclass(frozen=True, slots=True)
class FileTotals:
    """What a job, or a folder of it, holds at any depth; deleted files do not count."""

    file_count: int
    total_bytes: int
    wanted_files: int
    wanted_bytes: int
    stored_files: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """An agent's right to run a transfer."""

    transfer_id: UUID
    epoch: int
    agent_id: str
    boot_id: UUID
    expires_at: datetime
    expired: bool
    state_before: TransferState | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One lease of a transfer, as history. `outcome` None while it runs."""

    epoch: int
    agent_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    reason_code: str | None
    reason_message: str | None


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A failed transfer on which `failed_jobs` jobs still stand failed."""

    transfer_id: UUID
    reason_code: str
    reason_message: str | None
    failed_at: datetime
    attempts_spent: int
    failed_jobs: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What a user holds, and may hold."""

    user_id: UUID
    live_jobs: int
    reserved_bytes: int
    charged_bytes: int
    plan_id: str
    live_jobs_limit: int
    running_limit: int
    storage_limit_bytes: int
    priority: int
    metadata_timeout_seconds: int
    stall_timeout_seconds: int
    streams_limit: int


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent, as its newest boot registered it."""

    agent_id: str
    boot_id: UUID
    cordoned: bool
    draining: bool  # it says itself that it stops
    drain_ordered: bool  # by an operator; outlives boots
    transfers_capacity: int
    disk_bytes: int
    disk_free_bytes: int
    software_version: str
    registered_at: datetime
    last_heartbeat_at: datetime
