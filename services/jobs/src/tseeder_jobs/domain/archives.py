"""An archive: several stored files of one job, in the order of its torrent, as one download."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tseeder_kit.errors import AppError, conflict, invalid

MAX_RANGES: Final = 256
LARGEST_INDEX: Final = 2**31 - 2
RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which files: those of `ranges` (file indexes, both inclusive), or None for all that are selected; of them those
    in `folder`, or () for all."""

    ranges: tuple[tuple[int, int], ...] | None
    folder: tuple[str, ...]

    @property
    def multirange(self) -> str | None:
        """`ranges` as Postgres writes an int4multirange."""
        if self.ranges is None:
            return None
        return "{" + ",".join(f"[{first},{last}]" for first, last in self.ranges) + "}"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many files were chosen; of them those that are still to come, and those that will not."""

    files: int
    missing: int
    unwanted: int


@dataclass(frozen=True, slots=True)
class ArchiveHeader:
    """The job that the files are of."""

    job_name: str
    created_at: datetime
    file_count: int


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One file that is stored, and the CRC32 of its bytes."""

    file_index: int
    path: list[str]
    size_bytes: int
    crc32: int
    entry_id: UUID


def check_ranges(ranges: tuple[tuple[int, int], ...]) -> None:
    """INVALID `bad_file_ranges`."""
    if len(ranges) > MAX_RANGES:
        raise invalid("bad_file_ranges", f"At most {MAX_RANGES} ranges of files are taken.")
    if any(not 0 <= first <= last <= LARGEST_INDEX for first, last in ranges):
        raise invalid("bad_file_ranges", "A range of files goes from an index to the same or a higher one.")


def check_counted(counted: Counted) -> None:
    """CONFLICT `archive_empty`, `file_not_wanted`, `not_stored_yet`, with how many."""
    if not counted.files:
        raise conflict("archive_empty", "The job has no such files, or they are not known yet.")
    if counted.unwanted:
        raise conflict(
            "file_not_wanted",
            "Some of the files are not selected, or their job ended without them.",
            unwanted_files=counted.unwanted,
            files=counted.files,
        )
    if counted.missing:
        raise conflict(
            "not_stored_yet",
            "Some of the files are not stored yet.",
            missing_files=counted.missing,
            files=counted.files,
            retry_after_seconds=RETRY_SECONDS,
        )


def archive_changed() -> AppError:
    """A file was given up since the archive was described."""
    return conflict("archive_changed", "A file of the archive is not there any more.")
