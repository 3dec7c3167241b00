"""A call to object storage: counted, timed, with its span, and what it raises turned into domain.storage's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter
from typing import Final

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from tseeder_jobs.domain.storage import PartsRejected, StorageRefused, StorageUnavailable, UploadGone
from tseeder_kit.telemetry import bounded, counter, histogram
from tseeder_kit.tracing import Role, span

_UNKNOWN: Final = frozenset({"NotImplemented", "MethodNotAllowed"})
_AWAY: Final = frozenset({"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted"})
_PARTS: Final = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
GONE: Final = frozenset({"NoSuchUpload", "NoSuchKey", "NoSuchLifecycleConfiguration"})
"""S3's own words for it. Any other 404 may be of what stands before S3, and says nothing of what is there."""

_seconds = histogram(
    "jobs_s3_seconds", "Calls to object storage by what they did and how they ended", ("call", "outcome")
)
_errors = counter(
    "jobs_s3_errors",
    "Calls that object storage refused, by its own code; `no_answer`: it gave none, `other`: a rare code",
    ("call", "code"),
)
_REFUSED: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "NoSuchBucket", "SignatureDoesNotMatch"})
_COUNTED: Final = _AWAY | _PARTS | _UNKNOWN | _REFUSED | {"NoSuchUpload", "NoSuchKey", "RequestTimeTooSkewed"}
_OPERATIONS: Final = {
    "head_bucket": "HeadBucket",
    "create_upload": "CreateMultipartUpload",
    "list_parts": "ListParts",
    "list_uploads": "ListMultipartUploads",
    "complete_upload": "CompleteMultipartUpload",
    "abort_upload": "AbortMultipartUpload",
    "head": "HeadObject",
    "read": "GetObject",
    "delete": "DeleteObject",
    "delete_many": "DeleteObjects",
    "list_objects": "ListObjectsV2",
    "get_lifecycle": "GetBucketLifecycleConfiguration",
    "put_lifecycle": "PutBucketLifecycleConfiguration",
}


class RefusalError(Exception):
    """An answer that is no success, to a request of our own: its status, and S3's code for it, or ""."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


@contextmanager
def call(name: str) -> Iterator[None]:
    """One call, with its span."""
    attributes = {"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": _OPERATIONS[name]}
    with span(f"S3/{_OPERATIONS[name]}", role=Role.CLIENT, attributes=attributes), _counted(name):
        yield


@contextmanager
def _counted(name: str) -> Iterator[None]:
    """Counts and times one call, and turns what it raises into the errors of domain.storage."""
    started = perf_counter()
    outcome = "cancelled"
    try:
        yield
        outcome = "ok"
    except (ClientError, RefusalError) as exc:
        code, status = (exc.code, exc.status) if isinstance(exc, RefusalError) else _told_by(exc)
        known = _translated(name, code, status)
        outcome = known.code
        if not (name == "get_lifecycle" and isinstance(known, UploadGone)):  # that is an answer
            _errors.labels(name, bounded(code, _COUNTED)).inc()
        raise known from exc
    except StorageUnavailable as exc:
        outcome = exc.code
        _errors.labels(name, "no_answer").inc()
        raise
    except NoCredentialsError as exc:
        outcome = "storage_refused"
        raise StorageRefused("no credentials") from exc
    except (BotoCoreError, HttpError, OSError, TimeoutError) as exc:
        outcome = "storage_unavailable"
        _errors.labels(name, "no_answer").inc()
        raise StorageUnavailable(type(exc).__name__) from exc
    finally:
        _seconds.labels(name, outcome).observe(perf_counter() - started)


def _told_by(exc: ClientError) -> tuple[str, int]:
    """S3's code, and the status."""
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return exc.response.get("Error", {}).get("Code", ""), status


def _translated(name: str, code: str, status: int) -> UploadGone | PartsRejected | StorageRefused | StorageUnavailable:
    if code == "NoSuchBucket" or (name == "head_bucket" and status == HTTPStatus.NOT_FOUND):
        return StorageRefused("NoSuchBucket")  # a mistake of settings: nothing may be concluded about keys
    if code in _PARTS:
        return PartsRejected(code)
    if code in _UNKNOWN or status in (405, 501):
        return StorageRefused(code or str(status))
    if code in _AWAY or status >= 500 or status == 429:
        return StorageUnavailable(code or str(status))
    if code in GONE:
        return UploadGone(code)
    if status == HTTPStatus.NOT_FOUND:
        return StorageUnavailable(code or "404, and not from S3")
    return StorageRefused(code or str(status))
