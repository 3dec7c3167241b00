"""Lists of files: what is asked for, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.api import wire
from tseeder_jobs.domain.file_filter import LARGEST, FileFilter
from tseeder_jobs.domain.media_types import FileType
from tseeder_jobs.domain.rows import FileTotals
from tseeder_jobs.domain.states import FileState
from tseeder_jobs.usecases.list_folder import FolderPage
from tseeder_jobs.usecases.read_files import FilePage, Order
from tseeder_kit.errors import FieldError, invalid

T = TypeVar("T")

FILE_TYPES: Final = {kind: model.FileType.Value(f"FILE_TYPE_{kind.name}") for kind in FileType}

_types: Final[Mapping[int, FileType]] = {value: kind for kind, value in FILE_TYPES.items()}
_states: Final[Mapping[int, FileState]] = {value: state for state, value in wire.FILE_STATES.items()}
_orders: Final[Mapping[int, Order]] = {
    pb.FILE_ORDER_UNSPECIFIED: "index",
    pb.FILE_ORDER_INDEX: "index",
    pb.FILE_ORDER_NATURAL: "natural",
}


def wanted(request: pb.ListFilesRequest) -> FileFilter:
    """INVALID `bad_type`, `bad_state`, `bad_size_range`."""
    return FileFilter(
        text=request.text,
        types=frozenset(_known(_types, request.types, "types", "bad_type")),
        states=frozenset(_known(_states, request.states, "states", "bad_state")),
        min_bytes=request.min_bytes,
        max_bytes=request.max_bytes if request.HasField("max_bytes") else LARGEST,
    )


def order(request: pb.ListFilesRequest) -> Order:
    """INVALID `bad_order`."""
    return _known(_orders, [request.order], "order", "bad_order")[0]


def _known(names: Mapping[int, T], values: Sequence[int], field: str, code: str) -> list[T]:
    if any(value not in names for value in values):
        message = "There is no such value."
        raise invalid(code, message, fields=(FieldError(field, code, message),))
    return [names[value] for value in values]


def files(page: FilePage) -> pb.ListFilesResponse:
    """A page of files."""
    return pb.ListFilesResponse(
        files=[wire.file(row) for row in page.files],
        next_cursor=page.next_cursor,
        totals=_totals(page.totals) if page.totals else None,
    )


def folder(page: FolderPage) -> pb.ListFolderResponse:
    """A page of a folder."""
    return pb.ListFolderResponse(
        folders=[model.Folder(path=each.path, totals=_totals(each.totals)) for each in page.folders],
        files=[wire.file(row) for row in page.files],
        next_cursor=page.next_cursor,
        totals=_totals(page.totals) if page.totals else None,
    )


def _totals(totals: FileTotals) -> model.FileTotals:
    return model.FileTotals(
        file_count=totals.file_count,
        total_bytes=totals.total_bytes,
        wanted_files=totals.wanted_files,
        wanted_bytes=totals.wanted_bytes,
        stored_files=totals.stored_files,
        stored_bytes=totals.stored_bytes,
    )
