"""Archives, between wire and domain."""

from __future__ import annotations

from tseeder.jobs.v1 import jobs_pb2 as pb
from tseeder_jobs.api import wire
from tseeder_jobs.domain.archives import ArchiveEntry, ArchiveHeader, Chosen


def chosen_of(request: pb.DescribeArchiveRequest) -> Chosen:
    """Which files."""
    ranges = tuple((each.first, each.last) for each in request.ranges)
    return Chosen(ranges or None, tuple(request.folder))


def described_to_wire(item: ArchiveHeader | list[ArchiveEntry]) -> pb.DescribeArchiveResponse:
    """The header, or some entries."""
    if isinstance(item, ArchiveHeader):
        header = pb.ArchiveHeader(
            job_name=item.job_name, created_at=wire.timestamp(item.created_at), file_count=item.file_count
        )
        return pb.DescribeArchiveResponse(header=header)
    return pb.DescribeArchiveResponse(entries=pb.ArchiveEntries(entries=[_entry(entry) for entry in item]))


def _entry(entry: ArchiveEntry) -> pb.ArchiveEntry:
    return pb.ArchiveEntry(
        file_index=entry.file_index,
        path=entry.path,
        size_bytes=entry.size_bytes,
        crc32=entry.crc32,
        entry_id=entry.entry_id.bytes,
    )
