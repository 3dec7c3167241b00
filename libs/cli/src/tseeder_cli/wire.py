"""The JSON of tseeder's REST API, as the gateway sends it: ids and times are strings, sizes are bytes."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypedDict, TypeVar

T = TypeVar("T")

JobState = Literal[
    "queued", "resolving", "downloading", "storing", "completed", "failed", "cancelled", "paused", "expired"
]
JobPriority = Literal["low", "normal", "high"]
JOB_PRIORITIES: tuple[JobPriority, ...] = JobPriority.__args__  # type: ignore[attr-defined]  # as below
FileType = Literal["video", "audio", "image", "text", "document", "archive", "other"]
FILE_TYPES: tuple[FileType, ...] = FileType.__args__  # type: ignore[attr-defined]  # as below
JOB_STATES: tuple[JobState, ...] = JobState.__args__  # type: ignore[attr-defined]  # typing has no public way
ENDED: frozenset[str] = frozenset({"completed", "failed", "cancelled", "expired"})
"""The states in which a job moves no more by itself."""


class Page(TypedDict, Generic[T]):
    """One page of a list; `next_cursor` is null at the end."""

    items: list[T]
    next_cursor: str | None


class Reason(TypedDict):
    code: str
    message: str


class Job(TypedDict):
    job_id: str
    name: str
    state: JobState
    run: int
    version: int
    metadata_known: bool
    private: bool
    total_bytes: int
    wanted_bytes: int
    stored_bytes: int
    file_count: int
    wanted_files: int
    stored_files: int
    priority: JobPriority
    primary_file_id: str | None
    reason: Reason | None
    created_at: str
    updated_at: str
    finished_at: str | None
    expires_at: str | None


class Tracker(TypedDict):
    """`state`: waiting, working, refuses, unreachable; `fails` in a row."""

    url: str
    state: str
    message: str
    fails: int


class SwarmEvidence(TypedDict):
    """What the agent last saw of the swarm; rates are bytes a second."""

    peers: int
    seeds: int
    candidates: int
    banned_peers: int
    received_bytes: int
    wasted_bytes: int
    failed_pieces: int
    missing_pieces: int
    quiet_seconds: float
    trackers: list[Tracker]
    dht_nodes: int
    download_rate: int
    upload_rate: int


class QueueEvidence(TypedDict):
    own_ahead: int
    own_running: int
    running_limit: int
    agents_alive: int
    agents_taking: int
    disk_needed_bytes: int
    largest_agent_disk_bytes: int


class QuotaEvidence(TypedDict):
    held_bytes: int
    limit_bytes: int


class Attempt(TypedDict):
    """`ended_at` and `outcome` are null while it runs."""

    epoch: int
    started_at: str
    ended_at: str | None
    outcome: str | None
    reason: Reason | None


class Diagnosis(TypedDict):
    """Why a job is where it is; what is null says nothing to it."""

    job_id: str
    state: JobState
    verdict: str
    message: str
    advice: str
    since: str
    queue: QueueEvidence | None
    swarm: SwarmEvidence | None
    swarm_seen_at: str | None
    quota: QuotaEvidence | None
    attempts: list[Attempt]
    attempts_spent: int
    attempts_allowed: int
    retry_at: str | None


class CachedTorrent(TypedDict):
    info_hash: str
    state: Literal["absent", "partial", "stored"]
    total_bytes: int
    stored_bytes: int
    file_count: int
    stored_files: int


ROLES: tuple[str, ...] = ("user", "support", "admin", "superadmin")


class File(TypedDict):
    file_id: str
    job_id: str
    file_index: int
    path: list[str]
    size_bytes: int
    selected: bool
    state: Literal["pending", "stored", "dropped", "deleted"]
    media_type: str
    crc32: int | None
    stored_at: str | None
    expires_at: str | None
    primary: bool


class Link(TypedDict):
    link_id: str
    file_id: str
    job_id: str
    path: list[str]
    token_prefix: str
    has_password: bool
    download_limit: int | None
    downloads: int
    last_counted_at: str | None
    created_at: str
    expires_at: str


class NewLink(TypedDict):
    """`token` and `url` are told this once."""

    link: Link
    token: str
    url: str


class Progress(TypedDict):
    """Rates are bytes a second; `eta_seconds` is null while it is not known."""

    job_id: str
    state: str
    wanted_bytes: int
    downloaded_bytes: int
    uploaded_bytes: int
    download_rate: int
    upload_rate: int
    peers: int
    seeds: int
    eta_seconds: int | None
    epoch: int


class Usage(TypedDict):
    live_jobs: int
    reserved_bytes: int
    charged_bytes: int
    storage_limit_bytes: int
    live_jobs_limit: int
    running_limit: int
    running: int
    plan: str
    bandwidth_bytes: int
    bandwidth_limit_bytes: int
    bandwidth_by_day: list[dict[str, str | int]]


class User(TypedDict):
    user_id: str
    email: str
    role: str
    created_at: str | None
    suspended: bool
    verified: bool
    second_factor: bool
    name: str


class Me(User):
    scopes: list[str]
    second_factor_required: bool


class LogIn(TypedDict):
    user: User
    csrf_token: str
    expires_at: str


class Session(TypedDict):
    """A browser's, or a command's, sign-in."""

    session_id: str
    user_agent: str
    remote_address: str
    created_at: str
    last_seen_at: str
    expires_at: str
    method: str
    second_factor: bool
    current: bool


class Totp(TypedDict):
    """An enrolment, shown this once."""

    secret: str
    uri: str
    qr_svg: str


class SecurityEvent(TypedDict):
    event_id: str
    kind: str
    at: str
    remote_address: str
    user_agent: str
    by_operator: bool
    details: dict[str, str]


class AuthConfig(TypedDict):
    registration_open: bool
    human_check: str
    terms_version: str
    terms_url: str | None


class ApiKey(TypedDict):
    key_id: str
    name: str
    prefix: str
    scopes: list[str]


class NewApiKey(TypedDict):
    """`secret` is shown this once."""

    key: ApiKey
    secret: str


class Agent(TypedDict):
    agent_id: str
    boot_id: str
    cordoned: bool
    drain_ordered: bool
    draining: bool
    leases: int
    transfers_capacity: int
    disk_bytes: int
    disk_free_bytes: int
    software_version: str
    registered_at: str
    last_heartbeat_at: str | None


class DeadLetter(TypedDict):
    """A transfer that failed for good, and how many jobs still stand failed on it."""

    transfer_id: str
    reason: Reason | None
    failed_at: str | None
    attempts_spent: int
    failed_jobs: int


class OperatorAttempt(Attempt):
    agent_id: str


class DeadJob(TypedDict):
    job_id: str
    user_id: str


class WholeDeadLetter(DeadLetter):
    attempts: list[OperatorAttempt]
    jobs: list[DeadJob]


class Replay(TypedDict):
    replayed_jobs: int
    refused_jobs: int
    left_jobs: int
    transfer_id: str | None


class Leftovers(TypedDict):
    """One look for one kind of leftover in object storage."""

    kind: str
    began_at: str
    ended_at: str | None
    looked_at: int
    found: int
    found_bytes: int
    mended: int
    examples: list[str]


class StorageTotals(TypedDict):
    measured_at: str
    stored_objects: int
    stored_bytes: int
    writing_objects: int
    deleting_objects: int
    deleting_bytes: int
    open_uploads: int
    reserved_bytes: int
    charged_bytes: int


class Storage(TypedDict):
    totals: StorageTotals | None
    reports: list[Leftovers]


class Cleanup(TypedDict):
    reports: list[Leftovers]
    next_cursor: str | None


class AuditEntry(TypedDict):
    audit_id: str
    actor_user_id: str
    actor_role: str
    action: str
    target: str
    reason: str
    ticket_id: str
    outcome: str
    details: dict[str, Any] | None
    at: str
    request_id: str
    actor_email: str
    target_email: str
