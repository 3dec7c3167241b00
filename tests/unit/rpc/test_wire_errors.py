"""AppErrors go over the wire and come back the same; what is not ours is translated by its status."""

import grpc
import grpc.aio
import pytest

from tseeder.common.v1 import error_pb2
from tseeder_kit.errors import KINDS, AppError, FieldError, Kind
from tseeder_rpc.wire_errors import MAX_BYTES, METADATA_KEY, from_rpc_error, from_wire, status_of, to_wire


def received(status: grpc.StatusCode, data: bytes | None = None) -> AppError:
    trailing = grpc.aio.Metadata() if data is None else grpc.aio.Metadata((METADATA_KEY, data))
    error = grpc.aio.AioRpcError(status, grpc.aio.Metadata(), trailing, "raw text of 10.0.0.7:50051", None)
    return from_rpc_error(error, "jobs")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.INTERNAL])
def test_every_kind_comes_back_whole(kind: Kind) -> None:
    sent = AppError(kind, "some_code", "Ein Satz, ü.", {"limit": "5"}, (FieldError("a[3]", "too_long", "Too long."),))
    back = received(status_of(sent), to_wire(sent, "r-1"))
    assert (back.kind, back.code, back.message) == (kind, "some_code", "Ein Satz, ü.")
    assert (back.details, back.fields) == (sent.details, sent.fields)
    assert status_of(sent).name == KINDS[kind].grpc_status


def test_the_request_id_goes_with_it() -> None:
    wire = error_pb2.Error.FromString(to_wire(AppError(Kind.INTERNAL, "internal", "secret"), "r-1"))
    assert (wire.request_id, wire.code) == ("r-1", "internal")
    assert "secret" not in wire.message


def test_a_large_error_is_cut_to_fit_into_metadata_and_keeps_its_code() -> None:
    fields = tuple(FieldError(f"f{n}", "wrong", "x" * 100) for n in range(1_000))
    many = from_wire(to_wire(AppError(Kind.INVALID, "body_invalid", "m" * 5_000, {}, fields), "r"))
    assert many is not None
    assert many.code == "body_invalid"
    assert 0 < len(many.fields) < 1_000
    huge = AppError(Kind.INVALID, "body_invalid", "m", {"k": "v" * 100_000}, fields)
    data = to_wire(huge, "r")
    assert len(data) <= MAX_BYTES
    back = from_wire(data)
    assert back is not None
    assert (back.code, dict(back.details)) == ("body_invalid", {})


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (grpc.StatusCode.UNAVAILABLE, Kind.UNAVAILABLE, "service_unavailable"),
        (grpc.StatusCode.UNKNOWN, Kind.UNAVAILABLE, "service_unavailable"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Kind.DEADLINE, "deadline_exceeded"),
        (grpc.StatusCode.CANCELLED, Kind.CANCELLED, "cancelled"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Kind.EXHAUSTED, "exhausted"),
        (grpc.StatusCode.UNIMPLEMENTED, Kind.INTERNAL, "internal"),
        (grpc.StatusCode.INTERNAL, Kind.INTERNAL, "internal"),
    ],
)
def test_a_bare_status_is_translated_without_its_text(status: grpc.StatusCode, kind: Kind, code: str) -> None:
    error = received(status)
    assert (error.kind, error.code) == (kind, code)
    assert "10.0.0.7" not in f"{error}{error.details}"


@pytest.mark.parametrize("data", [b"\xff\xff", b"", error_pb2.Error(kind="of_a_newer_version").SerializeToString()])
def test_what_is_not_understood_falls_back_to_the_status(data: bytes) -> None:
    assert received(grpc.StatusCode.NOT_FOUND, data).kind is Kind.NOT_FOUND
