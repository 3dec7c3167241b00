"""Jobs, as they are submitted, shown and watched."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from tseeder.agent.v1.progress_pb2 import Progress
from tseeder.jobs.v1 import model_pb2 as pb
from tseeder_gateway.api.schemas.wire import (
    MAX_VALUES,
    UNKNOWN,
    Count,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    RequestBody,
    View,
    described,
    enum_names,
    listed,
    one_of,
    timestamp,
)

JOB_STATES: Final = enum_names(pb.JobState, "JOB_STATE_")
JOB_PRIORITIES: Final = enum_names(pb.JobPriority, "JOB_PRIORITY_")
TRANSFER_STATES: Final = enum_names(pb.TransferState, "TRANSFER_STATE_")

JobStateName = Literal[
    "queued", "resolving", "downloading", "storing", "completed", "failed", "cancelled", "paused", "expired"
]
JobPriorityName = Literal["low", "normal", "high"]
_MAX_INDEX: Final = 2**31 - 1
_TOLD_ERRORS: Final = 50
FileIndex = Annotated[int, Field(ge=0, le=_MAX_INDEX)]


def _mostly_indexes(value: object) -> object:
    """One error for a list that is full of them: each by itself would hold everybody up while it is told."""
    if isinstance(value, list):
        wrong = sum(type(item) is not int or not 0 <= item <= _MAX_INDEX for item in value)
        if wrong > _TOLD_ERRORS:
            raise ValueError(f"holds {wrong} values that are no file indexes")
    return value


# jobs holds to these two itself, with codes of its own; so the gateway only says them.
FileIndexes = Annotated[
    list[FileIndex],
    BeforeValidator(_mostly_indexes),
    Field(json_schema_extra={"minItems": 1, "maxItems": 200_000}),
]
_NAME: Final[dict[str, Any]] = {
    "maxLength": 255,
    "pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$",
}
_TOLD_SOURCES: Final[list[Any]] = [
    {"properties": {name: {"type": "string"}}, "required": [name]} for name in ("magnet", "info_hash")
]


class SelectionBody(RequestBody):
    """Which files of the torrent are wanted, as the info dictionary counts them."""

    file_indexes: FileIndexes


class SubmitBody(RequestBody):
    """What to fetch: exactly one of `magnet` and `info_hash` (a .torrent comes by multipart/form-data)."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _TOLD_SOURCES})

    magnet: str | None = Field(
        default=None,
        description="a magnet URI; 1,000 trackers at most, of which 50 are used",
        json_schema_extra={"maxLength": 131_072, "pattern": r"^\s*[Mm][Aa][Gg][Nn][Ee][Tt]:\?"},
    )
    info_hash: str | None = Field(
        default=None,
        description="40 or 64 hex digits, or 32 of base32; not all zeros",
        json_schema_extra={"pattern": r"^\s*([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[A-Za-z2-7]{32})\s*$"},
    )
    name: str | None = Field(
        default=None, description="what to call it; absent or empty: the torrent's own name", json_schema_extra=_NAME
    )
    selection: SelectionBody | None = Field(default=None, description="absent or null: every file")
    priority: JobPriorityName | None = Field(
        default=None, description="which of the caller's own jobs go first; absent or null: normal"
    )


class PriorityPart(RequestBody):
    """The part `priority` of a form."""

    priority: JobPriorityName


class NewSelectionBody(RequestBody):
    """Replaces a job's selection; null is every file."""

    file_indexes: FileIndexes | None


class JobChangesBody(RequestBody):
    """What is to change of a job, as a JSON merge patch: what is absent stays as it is."""

    name: str | None = Field(default=None, description="null or empty: the torrent's own", json_schema_extra=_NAME)
    priority: JobPriorityName | None = Field(
        default=None, description="which of the caller's own jobs go first; null: normal"
    )
    primary_file_id: str | None = Field(
        default=None,
        description="the job's main media file, one that is selected; null: the largest video, or else audio",
        json_schema_extra={"format": "uuid"},
    )


def priority_of(name: JobPriorityName | None) -> pb.JobPriority.ValueType:
    """As jobs names it; None: unspecified."""
    return pb.JOB_PRIORITY_UNSPECIFIED if name is None else pb.JobPriority.Value(f"JOB_PRIORITY_{name.upper()}")


class JobsQuery(Query):
    """`state` may be given several times."""

    state: Annotated[list[JobStateName], BeforeValidator(listed)] = Field(
        default=[], max_length=MAX_VALUES, description="jobs in one of these states; all if not given"
    )
    text: OptionalText = Field(default=None, max_length=255, description="part of the name")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=200, description="50 if not given")


class ReasonView(View):
    """Why something is as it is. `code` is stable; more of them may come."""

    code: str = described(pattern="^[a-z0-9_]+$")
    message: str

    @classmethod
    def of(cls, reason: pb.Reason) -> ReasonView:
        """From jobs' message."""
        return cls(code=reason.code, message=reason.message)


class JobView(View):
    """One user's wish for one torrent. `version` rises with every change; sizes are bytes."""

    job_id: Id
    name: str
    state: str = one_of(JOB_STATES)
    run: int = described("1, and one more with each retry", minimum=1)
    version: int = described("rises with every change", minimum=1)
    metadata_known: bool = described("whether names and sizes are known yet; of a magnet not at once")
    private: bool
    total_bytes: Count
    wanted_bytes: Count
    stored_bytes: Count
    file_count: Count
    wanted_files: Count
    stored_files: Count
    reason: ReasonView | None
    created_at: datetime | None
    updated_at: datetime | None
    finished_at: datetime | None
    priority: str = one_of(JOB_PRIORITIES)
    expires_at: datetime | None = described("when the plan ends the first of its stored files; null: never")
    primary_file_id: Id | None = described("its main media file: the caller's choice, else the largest video or audio")

    @classmethod
    def of(cls, job: pb.Job) -> JobView:
        """From jobs' message."""
        return cls(**_job_fields(job))


class ProgressView(View):
    """How far the swarm and S3 are; rates are bytes a second, `eta_seconds` is null while it is unknown."""

    job_id: Id
    state: str = one_of(TRANSFER_STATES)
    wanted_bytes: Count
    downloaded_bytes: Count
    uploaded_bytes: Count
    download_rate: Count
    upload_rate: Count
    peers: Count
    seeds: Count
    eta_seconds: Count | None
    epoch: Count

    @classmethod
    def of(cls, progress: Progress) -> ProgressView:
        """From the agent's message."""
        return cls(
            job_id=progress.job_id,
            state=TRANSFER_STATES.get(progress.state, UNKNOWN),
            wanted_bytes=progress.wanted_bytes,
            downloaded_bytes=progress.downloaded_bytes,
            uploaded_bytes=progress.uploaded_bytes,
            download_rate=progress.download_rate,
            upload_rate=progress.upload_rate,
            peers=progress.peers,
            seeds=progress.seeds,
            eta_seconds=progress.eta_seconds if progress.HasField("eta_seconds") else None,
            epoch=progress.epoch,
        )


class SnapshotView(JobView):
    """The first event of a stream: the job, and the last progress that was heard."""

    progress: ProgressView | None

    @classmethod
    def taken(cls, job: pb.Job, progress: Progress | None) -> SnapshotView:
        """From both messages."""
        return cls(**_job_fields(job), progress=None if progress is None else ProgressView.of(progress))


class EndView(View):
    """The data of a stream's last event: the job's final state, or why there is nothing more to see."""

    reason: str = described(
        enum=["completed", "failed", "cancelled", "expired", "deleted", "unauthenticated", "forbidden"]
    )


def _job_fields(job: pb.Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "name": job.name,
        "state": JOB_STATES.get(job.state, UNKNOWN),
        "run": job.run,
        "version": job.version,
        "metadata_known": job.metadata_known,
        "private": job.private,
        "total_bytes": job.total_bytes,
        "wanted_bytes": job.wanted_bytes,
        "stored_bytes": job.stored_bytes,
        "file_count": job.file_count,
        "wanted_files": job.wanted_files,
        "stored_files": job.stored_files,
        "priority": JOB_PRIORITIES.get(job.priority, UNKNOWN),
        "primary_file_id": job.primary_file_id or None,
        "reason": ReasonView.of(job.reason) if job.HasField("reason") else None,
        "created_at": timestamp(job, "created_at"),
        "updated_at": timestamp(job, "updated_at"),
        "finished_at": timestamp(job, "finished_at"),
        "expires_at": timestamp(job, "expires_at"),
    }
