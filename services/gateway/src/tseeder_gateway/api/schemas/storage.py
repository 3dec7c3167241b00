"""Object storage, as operators see it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_gateway.api.schemas.wire import (
    MAX_CURSOR_CHARS,
    Count,
    Cursor,
    RequestBody,
    View,
    described,
    present_timestamp,
    timestamp,
)


class CleanupBody(RequestBody):
    """What is to be looked for, and whether it is to be dealt with."""

    dry_run: bool = Field(default=True, description="true: nothing is changed, the answer says what would be")
    unknown_objects: bool = Field(
        default=False,
        description="also what lies under keys like ours that the database never heard of: only where nothing else "
        "writes to the bucket",
    )
    cursor: str | None = Field(
        default=None, description="from where on", json_schema_extra={"maxLength": MAX_CURSOR_CHARS}
    )
    reason: str = Field(
        default="", description="required unless it is a dry run", json_schema_extra={"maxLength": 2000}
    )
    ticket_id: str = Field(
        default="", description="required unless it is a dry run", json_schema_extra={"maxLength": 100}
    )


class LeftoverView(View):
    """One look for one kind of leftover; `examples` are keys, 20 at most."""

    kind: str = described(
        "`orphan_objects`: no row owns them; `lost_objects`: a row says stored, and they are not there; "
        "`stray_uploads`: multipart uploads without an owner",
        pattern="^[a-z_]+$",
    )
    began_at: datetime
    ended_at: datetime | None = described("null while it is under way")
    looked_at: Count
    found: Count
    found_bytes: Count
    mended: Count = described("of them: deleted, aborted, or their owners told")
    examples: list[str]

    @classmethod
    def of(cls, report: operators.LeftoverReport) -> LeftoverView:
        """From jobs' message."""
        return cls(
            kind=report.kind,
            began_at=present_timestamp(report, "began_at"),
            ended_at=timestamp(report, "ended_at"),
            looked_at=report.looked_at,
            found=report.found,
            found_bytes=report.found_bytes,
            mended=report.mended,
            examples=list(report.examples),
        )


class StorageTotalsView(View):
    """Counted at `measured_at`; `reserved_bytes` and `charged_bytes` are of all users, each as if he were alone."""

    measured_at: datetime
    stored_objects: Count
    stored_bytes: Count
    writing_objects: Count
    deleting_objects: Count = described("given up, and not deleted yet")
    deleting_bytes: Count
    open_uploads: Count
    reserved_bytes: Count
    charged_bytes: Count

    @classmethod
    def of(cls, totals: operators.StorageTotals) -> StorageTotalsView:
        """From jobs' message."""
        return cls(
            measured_at=present_timestamp(totals, "measured_at"),
            stored_objects=totals.stored_objects,
            stored_bytes=totals.stored_bytes,
            writing_objects=totals.writing_objects,
            deleting_objects=totals.deleting_objects,
            deleting_bytes=totals.deleting_bytes,
            open_uploads=totals.open_uploads,
            reserved_bytes=totals.reserved_bytes,
            charged_bytes=totals.charged_bytes,
        )


class StorageView(View):
    """What there is in all, and the last report of each kind of leftover."""

    totals: StorageTotalsView | None = described("null until they were counted for the first time")
    reports: list[LeftoverView]

    @classmethod
    def of(cls, storage: operators.Storage) -> StorageView:
        """From jobs' message."""
        return cls(
            totals=StorageTotalsView.of(storage.totals) if storage.HasField("totals") else None,
            reports=[LeftoverView.of(each) for each in storage.reports],
        )


class CleanupView(View):
    """What this call looked through; `next_cursor` is null when nothing is left to look through."""

    reports: list[LeftoverView]
    next_cursor: Cursor | None = None

    @classmethod
    def of(cls, done: operators.CleanStorageResponse) -> CleanupView:
        """From jobs' message."""
        return cls(reports=[LeftoverView.of(each) for each in done.reports], next_cursor=done.next_cursor or None)
