"""What object storage holds, what is left behind or missing there, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

EXAMPLES: Final = 20
"""Keys of what was found that a report names, at most."""


class Leftover(StrEnum):
    """Kinds of it."""

    ORPHAN_OBJECTS = "orphan_objects"
    LOST_OBJECTS = "lost_objects"
    STRAY_UPLOADS = "stray_uploads"


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object that a row says is stored."""

    object_id: UUID
    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Stray:
    """An open upload that no row owns, and the bytes of the parts that it holds."""

    key: str
    s3_upload_id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StorageTotals:
    """Counts and bytes; `reserved_bytes` and `charged_bytes` are of all users, each as if he were alone."""

    measured_at: datetime
    stored_objects: int
    stored_bytes: int
    writing_objects: int
    deleting_objects: int
    deleting_bytes: int
    open_uploads: int
    reserved_bytes: int
    charged_bytes: int


@dataclass(slots=True)
class Report:
    """What one look for a kind of leftover saw and did; `ended_at` None while it is under way."""

    kind: Leftover
    began_at: datetime
    ended_at: datetime | None = None
    looked_at: int = 0
    found: int = 0
    found_bytes: int = 0
    mended: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, key: str, size_bytes: int) -> None:
        """One more was found."""
        self.found += 1
        self.found_bytes += size_bytes
        if len(self.examples) < EXAMPLES:
            self.examples.append(key)


@dataclass(slots=True)
class Walk:
    """A look through the whole bucket, page by page: up to which key, and what it met so far."""

    orphans: Report
    lost: Report
    place: str = ""
    missing: list[KnownObject] = field(default_factory=list)
    """Of what is lost, as much as may be given up, and one more where there is more."""

    @classmethod
    def begun(cls, at: datetime) -> Walk:
        """From the first key on."""
        return cls(Report(Leftover.ORPHAN_OBJECTS, at), Report(Leftover.LOST_OBJECTS, at))

    @property
    def reports(self) -> tuple[Report, Report]:
        """Both of them."""
        return self.orphans, self.lost
