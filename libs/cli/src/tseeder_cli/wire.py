"""The JSON of tseeder's REST API, as the gateway sends it: ids and times are strings, sizes are bytes."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypedDict, TypeVar

T = TypeVar("T")

JobState = Literal[
    "queued", "resolving", "downloading", "storing", "completed", "failed", "cancelled", "paused", "expired"
]
JobPriority = Literal["low", "normal", "high"]
JOB_PRIORITIES: tuple[JobPriority, ...] = JobPriority.__args__  # type: ignore[attr-defined]  # as below
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
    reason: Reason | None
    created_at: str
    updated_at: str
    finished_at: str | None


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


class User(TypedDict):
    user_id: str
    email: str
    role: str
    created_at: str | None
    suspended: bool


class Me(User):
    scopes: list[str]


class LogIn(TypedDict):
    user: User
    csrf_token: str
    expires_at: str


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
    draining: bool
    leases: int
    transfers_capacity: int
    disk_bytes: int
    disk_free_bytes: int
    software_version: str
    registered_at: str
    last_heartbeat_at: str | None


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
