"""The shape of what a user submits, or changes of it, checked before anybody works on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tseeder.jobs.v1 import jobs_pb2, model_pb2
from tseeder_jobs.api import wire as words
from tseeder_jobs.domain.names import job_name
from tseeder_jobs.usecases.submit_job import InfoHashSource, MagnetSource, Submission, TorrentSource
from tseeder_jobs.usecases.update_job import JobChanges, PrimaryChoice
from tseeder_kit.errors import AppError, FieldError, invalid

MAX_KEY_CHARS: Final = 255
MAX_SELECTION: Final = 200_000


def submission(request: jobs_pb2.SubmitRequest) -> Submission:
    """A submit's parts. INVALID `source_missing`, `bad_name`, `bad_idempotency_key`, `bad_selection`,
    `selection_empty`, `bad_priority`."""
    return Submission(
        source=_source(request),
        name=job_name(request.name),
        selection=selection(request.selection) if request.HasField("selection") else None,
        own_priority=words.own_priority(request.priority) or 0,
        idempotency_key=idempotency_key(request.idempotency_key),
    )


def changes(request: jobs_pb2.UpdateJobRequest) -> JobChanges:
    """What is to change of a job. INVALID `bad_priority`; NOT_FOUND `file_not_found` for what is no file's id."""
    primary = None
    if request.HasField("primary_file_id"):
        chosen = request.primary_file_id
        primary = PrimaryChoice(words.file_id(chosen) if chosen else None)
    name = request.name if request.HasField("name") else None
    return JobChanges(name=name, own_priority=words.own_priority(request.priority), primary=primary)


def selection(wire: model_pb2.Selection) -> list[int]:
    """File indexes, distinct and sorted."""
    indexes: Sequence[int] = wire.file_indexes
    if not indexes:
        raise _wrong("selection.file_indexes", "selection_empty", "Select one file at least.")
    if len(indexes) > MAX_SELECTION:
        raise _wrong("selection.file_indexes", "bad_selection", f"Select {MAX_SELECTION} files at most.")
    distinct = sorted(set(indexes))
    if distinct[0] < 0:
        raise _wrong("selection.file_indexes", "bad_selection", "A file's index is not negative.")
    return distinct


def _source(request: jobs_pb2.SubmitRequest) -> MagnetSource | InfoHashSource | TorrentSource:
    match request.WhichOneof("source"):
        case "magnet":
            return MagnetSource(request.magnet)
        case "info_hash":
            return InfoHashSource(request.info_hash)
        case "torrent":
            return TorrentSource(request.torrent)
        case _:
            raise _wrong("source", "source_missing", "Give a magnet, an info-hash or a .torrent file.")


def idempotency_key(text: str) -> str:
    """As it is; "" for none. INVALID `bad_idempotency_key`."""
    if len(text) > MAX_KEY_CHARS or not text.isascii() or (text and not text.isprintable()):
        raise _wrong("idempotency_key", "bad_idempotency_key", f"1 to {MAX_KEY_CHARS} printable ASCII characters.")
    return text


def _wrong(field: str, code: str, message: str) -> AppError:
    return invalid(code, message, fields=(FieldError(field, code, message),))
