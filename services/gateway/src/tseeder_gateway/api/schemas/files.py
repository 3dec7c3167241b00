"""Files of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from tseeder.jobs.v1 import model_pb2 as pb
from tseeder_gateway.api.schemas.wire import (
    UNKNOWN,
    Count,
    Id,
    OptionalCursor,
    OptionalInt,
    OptionalText,
    Query,
    View,
    described,
    enum_names,
    one_of,
    timestamp,
)

FILE_STATES: Final = enum_names(pb.FileState, "FILE_STATE_")


class FilesQuery(Query):
    """Which files, and from where on."""

    text: OptionalText = Field(default=None, max_length=255, description="part of the path")
    cursor: OptionalCursor = None
    limit: OptionalInt = Field(default=None, ge=1, le=1000, description="200 if not given")


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
        )
