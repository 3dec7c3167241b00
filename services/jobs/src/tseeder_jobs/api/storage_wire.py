"""Object storage's totals and leftovers, as the wire says them."""

from __future__ import annotations

from collections.abc import Sequence

from tseeder.jobs.v1 import operators_pb2 as pb
from tseeder_jobs.api.wire import timestamp
from tseeder_jobs.domain.leftovers import Report, StorageTotals


def storage(totals: StorageTotals | None, reports: Sequence[Report]) -> pb.Storage:
    """As operators see it."""
    return pb.Storage(totals=_totals(totals) if totals else None, reports=[report(each) for each in reports])


def report(found: Report) -> pb.LeftoverReport:
    """Of one kind."""
    return pb.LeftoverReport(
        kind=found.kind,
        began_at=timestamp(found.began_at),
        ended_at=timestamp(found.ended_at),
        looked_at=found.looked_at,
        found=found.found,
        found_bytes=found.found_bytes,
        mended=found.mended,
        examples=found.examples,
    )


def _totals(totals: StorageTotals) -> pb.StorageTotals:
    return pb.StorageTotals(
        measured_at=timestamp(totals.measured_at),
        stored_objects=totals.stored_objects,
        stored_bytes=totals.stored_bytes,
        writing_objects=totals.writing_objects,
        deleting_objects=totals.deleting_objects,
        deleting_bytes=totals.deleting_bytes,
        open_uploads=totals.open_uploads,
        reserved_bytes=totals.reserved_bytes,
        charged_bytes=totals.charged_bytes,
    )
