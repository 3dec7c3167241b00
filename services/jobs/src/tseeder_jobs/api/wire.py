"""What jobs is, as the wire says it: ids, states, reasons, times, jobs and files."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from tseeder.jobs.v1 import jobs_pb2
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.api.media_wire import media_to_wire
from tseeder_jobs.domain.cached import Cached, CacheState
from tseeder_jobs.domain.links import link_not_found
from tseeder_jobs.domain.media_types import media_type
from tseeder_jobs.domain.reads import AgentRead, ReadSource, StoredUrl, Wait
from tseeder_jobs.domain.rows import AttemptRow, FileRow, JobRow, Reason
from tseeder_jobs.domain.states import JOB_WANTING, FileState, JobState, TransferState
from tseeder_jobs.usecases.read_dead_letters import dead_letter_not_found
from tseeder_kit.errors import AppError, FieldError, invalid, not_found

_UUID_CHARS: Final = 36

CACHE_STATES: Final = {state: jobs_pb2.CacheState.Value(f"CACHE_STATE_{state.name}") for state in CacheState}
JOB_STATES: Final = {state: model.JobState.Value(f"JOB_STATE_{state.name}") for state in JobState}
TRANSFER_STATES: Final = {state: model.TransferState.Value(f"TRANSFER_STATE_{state.name}") for state in TransferState}
FILE_STATES: Final = {state: model.FileState.Value(f"FILE_STATE_{state.name}") for state in FileState}
OWN_PRIORITIES: Final = {
    -1: model.JOB_PRIORITY_LOW,
    0: model.JOB_PRIORITY_NORMAL,
    1: model.JOB_PRIORITY_HIGH,
}

_own_priorities: Final = {value: own for own, value in OWN_PRIORITIES.items()}
_job_states: Final = {value: state for state, value in JOB_STATES.items()}
_transfer_states: Final = {value: state for state, value in TRANSFER_STATES.items()}


def parse_uuid(text: str) -> UUID | None:
    """A UUID in its usual form with hyphens; None for anything else, so that each thing has one id."""
    try:
        return UUID(text) if len(text) == _UUID_CHARS else None
    except ValueError:
        return None


def job_id(text: str) -> UUID:
    """What is no id answers as what is not there: NOT_FOUND `job_not_found`."""
    return _known(parse_uuid(text), not_found("job_not_found", "There is no such job."))


def file_id(text: str) -> UUID:
    """What is no id answers as what is not there: NOT_FOUND `file_not_found`."""
    return _known(parse_uuid(text), not_found("file_not_found", "There is no such file."))


def link_id(text: str) -> UUID:
    """What is no id answers as what is not there: NOT_FOUND `link_not_found`."""
    return _known(parse_uuid(text), link_not_found())


def stream_id(text: str) -> UUID:
    """INVALID `bad_stream_id` for what is no UUID."""
    return _known(parse_uuid(text), invalid("bad_stream_id", "A stream's id is a UUID."))


def dead_letter_id(text: str) -> UUID:
    """What is no id answers as what is not there: NOT_FOUND `dead_letter_not_found`."""
    return _known(parse_uuid(text), dead_letter_not_found())


def _known(found: UUID | None, otherwise: AppError) -> UUID:
    if found is None:
        raise otherwise
    return found


def job_state(value: model.JobState.ValueType) -> JobState:
    """INVALID `bad_state` for one that no job can have."""
    state = _job_states.get(value)
    if state is None:
        raise invalid("bad_state", "There is no such job state.", fields=(FieldError("states", "bad_state", ""),))
    return state


def own_priority(value: model.JobPriority.ValueType) -> int | None:
    """-1, 0 or 1; None: unspecified. INVALID `bad_priority` for one that there is not."""
    if value == model.JOB_PRIORITY_UNSPECIFIED:
        return None
    own = _own_priorities.get(value)
    if own is None:
        message = "A job's priority is low, normal or high."
        raise invalid("bad_priority", message, fields=(FieldError("priority", "bad_priority", message),))
    return own


def transfer_state(value: model.TransferState.ValueType) -> TransferState:
    """INVALID `bad_state` for one that no transfer can have."""
    state = _transfer_states.get(value)
    if state is None:
        raise invalid("bad_state", "There is no such transfer state.")
    return state


def timestamp(at: datetime | None) -> Timestamp | None:
    """None stays absent."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def reason(code: str | None, message: str | None) -> model.Reason | None:
    """None without a code."""
    return model.Reason(code=code, message=message or "") if code else None


def reason_of(row: Reason | None) -> model.Reason | None:
    """A domain Reason, or None."""
    return model.Reason(code=row.code, message=row.message) if row else None


def job(row: JobRow) -> model.Job:
    """A job as its owner sees it. Its reason is its own, else what holds its transfer up while it waits for that."""
    why = reason(row.reason_code, row.reason_message)
    if why is None and row.state in JOB_WANTING:
        why = reason(row.transfer_reason_code, row.transfer_reason_message)
    return model.Job(
        job_id=str(row.job_id),
        name=row.shown_name,
        state=JOB_STATES[row.state],
        run=row.run,
        version=row.version,
        metadata_known=row.verified,
        private=row.private,
        total_bytes=row.total_bytes,
        wanted_bytes=row.wanted_bytes,
        stored_bytes=row.stored_bytes,
        file_count=row.file_count,
        wanted_files=row.wanted_files,
        stored_files=row.stored_files,
        reason=why,
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        finished_at=timestamp(row.finished_at),
        priority=OWN_PRIORITIES[row.own_priority],
        expires_at=timestamp(row.expires_at),
        primary_file_id=str(row.primary_file_id or ""),
    )


def attempt(row: AttemptRow, *, for_operators: bool) -> model.Attempt:
    """A lease as history. Which agent ran it is for operators."""
    return model.Attempt(
        epoch=row.epoch,
        agent_id=row.agent_id if for_operators else "",
        started_at=timestamp(row.started_at),
        ended_at=timestamp(row.ended_at),
        outcome=row.outcome or "",
        reason=reason(row.reason_code, row.reason_message),
    )


def cached(info_hash: str, known: Cached | None) -> jobs_pb2.CachedTorrent:
    """What is stored of a torrent, under the words that it was asked for; numbers only where something is."""
    if known is None or known.state is CacheState.ABSENT:
        return jobs_pb2.CachedTorrent(info_hash=info_hash, state=CACHE_STATES[CacheState.ABSENT])
    return jobs_pb2.CachedTorrent(
        info_hash=info_hash,
        state=CACHE_STATES[known.state],
        total_bytes=known.total_bytes,
        stored_bytes=known.stored_bytes,
        file_count=known.file_count,
        stored_files=known.stored_files,
    )


def read(found: ReadSource) -> jobs_pb2.OpenReadResponse:
    """Where a file's bytes are, for the caller or for who holds a link."""
    answer = jobs_pb2.OpenReadResponse(file=file(found.file), etag=found.etag)
    match found.source:
        case StoredUrl(url, public_url):
            answer.object.CopyFrom(jobs_pb2.StoredObject(url=url, public_url=public_url))
        case AgentRead(read_url, epoch, token):
            answer.agent.CopyFrom(jobs_pb2.AgentRead(read_url=read_url, epoch=epoch, token=token))
        case Wait(why, seconds):
            answer.wait.CopyFrom(jobs_pb2.Wait(reason=reason_of(why), retry_after_seconds=seconds))
        case None:
            answer.empty.SetInParent()
    return answer


def file(row: FileRow) -> model.File:
    """A file as its owner sees it."""
    return model.File(
        file_id=str(row.file_id),
        job_id=str(row.job_id),
        file_index=row.file_index,
        path=row.path,
        size_bytes=row.size_bytes,
        selected=row.selected,
        state=FILE_STATES[row.state],
        media_type=media_type(row.path, row.sniffed_type),
        crc32=row.crc32,
        stored_at=timestamp(row.stored_at),
        expires_at=timestamp(row.expires_at),
        primary=row.primary,
        media=media_to_wire(row.media) if row.media else None,
    )
