"""Files of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tseeder.jobs.v1 import jobs_pb2
from tseeder.jobs.v1 import model_pb2 as pb
from tseeder_gateway.api.schemas.media import MediaFactsView
from tseeder_gateway.api.schemas.wire import (
    MAX_VALUES,
    UNKNOWN,
    Count,
    Cursor,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    View,
    described,
    empty_is_absent,
    enum_names,
    listed,
    one_of,
    timestamp,
)

FILE_STATES: Final = enum_names(pb.FileState, "FILE_STATE_")

FileStateName = Literal["pending", "stored", "dropped"]
FileTypeName = Literal["video", "audio", "image", "text", "document", "archive", "other"]
FileOrderName = Literal["natural", "index"]
FilesViewName = Literal["flat", "folder"]
_MAX_BYTES: Final = 2**63 - 1


class FilesQuery(Query):
    """Which files, and from where on. `type` and `state` may be given several times."""

    text: OptionalText = Field(default=None, max_length=255, description="part of the path, in any case")
    type: Annotated[list[FileTypeName], BeforeValidator(listed)] = Field(
        default=[], max_length=MAX_VALUES, description="files of one of these types, by extension; all if not given"
    )
    state: Annotated[list[FileStateName], BeforeValidator(listed)] = Field(
        default=[], max_length=MAX_VALUES, description="files in one of these states; all if not given"
    )
    min_bytes: OptionalInt = Field(default=None, ge=0, le=_MAX_BYTES, description="files of this size at least")
    max_bytes: OptionalInt = Field(default=None, ge=0, le=_MAX_BYTES, description="files of this size at most")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=1000, description="200 if not given")

    def asked(self) -> jobs_pb2.ListFilesRequest:
        """As jobs is asked."""
        return jobs_pb2.ListFilesRequest(
            text=self.text or "",
            types=[pb.FileType.Value(f"FILE_TYPE_{name.upper()}") for name in self.type],
            states=[pb.FileState.Value(f"FILE_STATE_{name.upper()}") for name in self.state],
            min_bytes=self.min_bytes or 0,
            max_bytes=self.max_bytes,
            cursor=self.cursor or "",
            limit=self.limit or 0,
        )


class JobFilesQuery(FilesQuery):
    """What of a job, and how. A folder is named by its path joined by `/`, which no name holds."""

    view: Annotated[FilesViewName | None, BeforeValidator(empty_is_absent)] = Field(
        default=None,
        description="`flat` (if not given): the files in the folder, at any depth; `folder`: what is directly in it, "
        "folders first; this view takes no text, type, state, sizes and order",
    )
    folder: OptionalText = Field(
        default=None, max_length=4096, description="its path, joined by `/`; the whole job if not given"
    )
    order: Annotated[FileOrderName | None, BeforeValidator(empty_is_absent)] = Field(
        default=None,
        description="`natural` (if not given): 2 before 10, folders before the files beside them; `index`: as the "
        "torrent lists them",
    )

    @model_validator(mode="after")
    def _folders_are_whole(self) -> Self:
        chosen = (self.text, self.type, self.state, self.min_bytes, self.max_bytes, self.order)
        if self.view == "folder" and any(value not in (None, []) for value in chosen):
            raise ValueError("the folder view takes no text, type, state, min_bytes, max_bytes or order")
        return self

    def asked(self) -> jobs_pb2.ListFilesRequest:
        """As jobs is asked for the flat view."""
        request = super().asked()
        request.folder = self.folder or ""
        request.order = jobs_pb2.FileOrder.Value(f"FILE_ORDER_{(self.order or 'natural').upper()}")
        return request


class PlaylistQuery(Query):
    """Of which part of a job."""

    folder: OptionalText = Field(
        default=None, max_length=4096, description="its path, joined by `/`; the whole job if not given"
    )


class FileView(View):
    """A job's own view of one file of its torrent."""

    file_id: Id
    job_id: Id
    file_index: int = described("as the torrent's info dictionary counts", minimum=0, maximum=2**31 - 1)
    path: list[str] = described("true names, one element a folder; for eyes, never for a file system", minItems=1)
    size_bytes: Count
    selected: bool
    state: str = one_of(FILE_STATES)
    media_type: str
    crc32: int | None = described("of the stored bytes", minimum=0, maximum=2**32 - 1)
    stored_at: datetime | None
    expires_at: datetime | None = described("when the plan ends it; null: never, or not stored")
    primary: bool = described("whether it is its job's main media file")
    media: MediaFactsView | None = described(
        "what is in it; null: no video or audio, not known (yet; by setting: ever), and in lists of files"
    )

    @classmethod
    def of(cls, file: pb.File) -> FileView:
        """From jobs' message."""
        return cls(
            file_id=file.file_id,
            job_id=file.job_id,
            file_index=file.file_index,
            path=list(file.path),
            size_bytes=file.size_bytes,
            selected=file.selected,
            state=FILE_STATES.get(file.state, UNKNOWN),
            media_type=file.media_type,
            crc32=file.crc32 if file.HasField("crc32") else None,
            stored_at=timestamp(file, "stored_at"),
            expires_at=timestamp(file, "expires_at"),
            primary=file.primary,
            media=MediaFactsView.of(file.media) if file.HasField("media") else None,
        )


class FileTotalsView(View):
    """Of files that are not deleted."""

    file_count: Count
    total_bytes: Count
    wanted_files: Count
    wanted_bytes: Count
    stored_files: Count
    stored_bytes: Count

    @classmethod
    def of(cls, totals: pb.FileTotals) -> FileTotalsView:
        """From jobs' message."""
        return cls(
            file_count=totals.file_count,
            total_bytes=totals.total_bytes,
            wanted_files=totals.wanted_files,
            wanted_bytes=totals.wanted_bytes,
            stored_files=totals.stored_files,
            stored_bytes=totals.stored_bytes,
        )


class FolderView(View):
    """A folder of a job, and what is in it at any depth."""

    name: str
    path: list[str] = described("one element a folder; joined by `/`, what `folder` takes", minItems=1)
    totals: FileTotalsView

    @classmethod
    def of(cls, folder: pb.Folder) -> FolderView:
        """From jobs' message."""
        return cls(name=folder.path[-1], path=list(folder.path), totals=FileTotalsView.of(folder.totals))


class JobFilesView(View):
    """One page of a job's files; `next_cursor` is null on the last one. In the folder view folders come first, and
    count against `limit`, too."""

    folders: list[FolderView] = described("of the folder view; in the flat view there are none")
    items: list[FileView]
    totals: FileTotalsView | None = described("of the whole job or folder, with the first page; null with others")
    next_cursor: Cursor | None

    @classmethod
    def of(cls, page: jobs_pb2.ListFilesResponse | jobs_pb2.ListFolderResponse) -> JobFilesView:
        """From jobs' messages."""
        folders = page.folders if isinstance(page, jobs_pb2.ListFolderResponse) else ()
        return cls(
            folders=[FolderView.of(folder) for folder in folders],
            items=[FileView.of(file) for file in page.files],
            totals=FileTotalsView.of(page.totals) if page.HasField("totals") else None,
            next_cursor=page.next_cursor or None,
        )
