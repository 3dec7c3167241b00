"""AppError over gRPC: the status by the table of kinds, everything else in the trailing metadata."""

from collections.abc import Iterable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from tseeder.common.v1 import error_pb2
from tseeder_kit.errors import AppError, FieldError, Kind, deadline_exceeded, internal, kind_of_grpc_status, unavailable

METADATA_KEY: Final = "tseeder-error-bin"
# Below gRPC's 8 KiB for all metadata of a call; what does not fit is left out, the code never is.
MAX_BYTES: Final = 6 * 1024
_MAX_MESSAGE: Final = 500


def status_of(error: AppError) -> grpc.StatusCode:
    """The gRPC status of an error."""
    return grpc.StatusCode[error.row.grpc_status]


def to_wire(error: AppError, request_id: str | None) -> bytes:
    """A serialized tseeder.common.v1.Error, at most MAX_BYTES long: fields, then details, are dropped to fit."""
    wire = error_pb2.Error(
        kind=error.kind.value,
        code=error.code,
        message=error.message[:_MAX_MESSAGE],
        details=dict(error.details),
        fields=[error_pb2.FieldError(field=f.field, code=f.code, message=f.message) for f in error.fields],
        request_id=request_id or "",
    )
    while wire.ByteSize() > MAX_BYTES and wire.fields:
        del wire.fields[len(wire.fields) // 2 :]
    if wire.ByteSize() > MAX_BYTES:
        wire.details.clear()
    return wire.SerializeToString()


def from_wire(data: bytes) -> AppError | None:
    """The error that `to_wire` wrote; None if it is not understood, such as a kind of a newer version."""
    try:
        wire = error_pb2.Error.FromString(data)
        kind = Kind(wire.kind)
    except (DecodeError, ValueError):
        return None
    fields = [FieldError(f.field, f.code, f.message) for f in wire.fields]
    return AppError(kind, wire.code or kind.value, wire.message, dict(wire.details), fields)


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> AppError:
    """The AppError for a failed call to `service`: the one that it sent, else by the status alone."""
    sent = _sent(error.trailing_metadata())
    if sent is not None:
        return sent
    status = error.code()
    # Our servers name every error; a bare UNKNOWN is a connection that broke in the middle of a call.
    if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN):
        return service_unavailable(service)
    kind = kind_of_grpc_status(status.name)
    if kind is Kind.INTERNAL:
        return internal()
    if kind is Kind.DEADLINE:
        return deadline_exceeded("deadline_exceeded", f"{service} did not answer in time.", service=service)
    return AppError(kind, kind.value, f"{service} refused the call.", {"service": service})


def service_unavailable(service: str) -> AppError:
    """What callers get while a service is away."""
    return unavailable("service_unavailable", f"{service} cannot be reached at the moment.", service=service)


def _sent(metadata: Iterable[Any] | None) -> AppError | None:
    for key, value in metadata or ():
        if key == METADATA_KEY and isinstance(value, bytes):
            return from_wire(value)
    return None
