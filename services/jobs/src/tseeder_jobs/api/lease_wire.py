"""Leases and what agents are told of them, between wire and domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder_jobs.api import wire
from tseeder_jobs.domain.agent_calls import (
    CompletedFile,
    CompleteVerdict,
    Description,
    EntryView,
    LeaseRef,
    Order,
    UploadGone,
    WriteIntent,
    WritePlan,
    WriteResult,
    WriteVerdict,
)
from tseeder_jobs.usecases.held_lease import lease_lost

CHUNK_BYTES: Final = 1024 * 1024
ENTRIES_PER_MESSAGE: Final = 1000
VIEWS_PER_MESSAGE: Final = 100

WRITE_VERDICTS: Final = {verdict: pb.WriteVerdict.Value(f"WRITE_VERDICT_{verdict.name}") for verdict in WriteVerdict}
COMPLETE_VERDICTS: Final = {
    verdict: pb.CompleteVerdict.Value(f"COMPLETE_VERDICT_{verdict.name}") for verdict in CompleteVerdict
}


def lease_of(ref: pb.LeaseRef) -> LeaseRef:
    """PRECONDITION `lease_lost` for what is no transfer's id: it is none that the caller holds."""
    transfer_id = wire.parse_uuid(ref.transfer_id)
    if transfer_id is None:
        raise lease_lost()
    return LeaseRef(transfer_id, ref.epoch)


def known_leases(refs: Iterable[pb.LeaseRef]) -> tuple[LeaseRef, ...]:
    """Those that name a transfer by an id at all."""
    found = ((wire.parse_uuid(ref.transfer_id), ref.epoch) for ref in refs)
    return tuple(LeaseRef(transfer_id, epoch) for transfer_id, epoch in found if transfer_id is not None)


def ref_to_wire(lease: LeaseRef) -> pb.LeaseRef:
    """A lease's name."""
    return pb.LeaseRef(transfer_id=str(lease.transfer_id), epoch=lease.epoch)


def order_to_wire(order: Order) -> pb.Order:
    """Describe again, or flush and release."""
    lease = ref_to_wire(order.lease)
    if order.park:
        return pb.Order(lease=lease, park=pb.Park(wanted_version=order.wanted_version))
    return pb.Order(lease=lease, refresh=pb.Refresh(wanted_version=order.wanted_version))


def intent_of(item: pb.WriteIntent) -> WriteIntent:
    """Before the bytes go up."""
    return WriteIntent(item.file_index, item.part_number, item.size_bytes, item.crc32)


def plan_to_wire(plan: WritePlan) -> pb.WritePlan:
    """Where they go."""
    return pb.WritePlan(
        file_index=plan.file_index,
        part_number=plan.part_number,
        verdict=WRITE_VERDICTS[plan.verdict],
        object_key=plan.object_key,
        s3_upload_id=plan.s3_upload_id,
        presigned_url=plan.presigned_url,
        with_crc32=plan.with_crc32,
    )


def result_of(item: pb.WriteResult) -> WriteResult:
    """After they went up; the etag without its quotes, as S3's API shows it either way."""
    return WriteResult(
        item.file_index, item.part_number, item.object_key, item.s3_upload_id, item.etag.strip('"'), item.size_bytes
    )


def gone_of(item: pb.UploadGone) -> UploadGone:
    """S3 does not know an upload any more."""
    return UploadGone(item.file_index, item.s3_upload_id)


def completed_to_wire(done: CompletedFile) -> pb.CompletedFile:
    """What became of one file."""
    return pb.CompletedFile(
        file_index=done.file_index,
        verdict=COMPLETE_VERDICTS[done.verdict],
        missing_parts=done.missing_parts,
        reason=wire.reason_of(done.reason),
    )


def description_to_wire(found: Description) -> Iterator[pb.DescribeResponse]:
    """Header, info and piece layers in chunks, entries and views in batches: no message grows with the torrent."""
    yield pb.DescribeResponse(header=_header(found))
    for chunk in _chunks(found.info or b""):
        yield pb.DescribeResponse(info=chunk)
    for chunk in _chunks(found.piece_layers or b""):
        yield pb.DescribeResponse(piece_layers=chunk)
    for at in range(0, len(found.entries), ENTRIES_PER_MESSAGE):
        entries = [_entry(entry) for entry in found.entries[at : at + ENTRIES_PER_MESSAGE]]
        yield pb.DescribeResponse(entries=pb.EntryBatch(entries=entries))
    for at in range(0, len(found.views), VIEWS_PER_MESSAGE):
        views = [_view(*view) for view in found.views[at : at + VIEWS_PER_MESSAGE]]
        yield pb.DescribeResponse(views=pb.ViewBatch(views=views))


def _header(found: Description) -> pb.TransferHeader:
    return pb.TransferHeader(
        lease=ref_to_wire(found.lease),
        wanted_version=found.wanted_version,
        state=wire.TRANSFER_STATES[found.state],
        info_hash_v1=found.info_hash_v1,
        info_hash_v2=found.info_hash_v2,
        metadata_known=found.info is not None,
        private=found.private,
        trackers=found.sources.trackers,
        web_seeds=found.sources.web_seeds,
        peers=found.sources.peers,
        piece_length=found.piece_length,
        total_bytes=found.piece_space_bytes,
        bucket=found.bucket,
        metadata_timeout_seconds=found.metadata_timeout_seconds,
        stall_timeout_seconds=found.stall_timeout_seconds,
    )


def _chunks(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), CHUNK_BYTES):
        yield data[at : at + CHUNK_BYTES]


def _entry(entry: EntryView) -> pb.Entry:
    return pb.Entry(
        file_index=entry.file_index,
        offset=entry.piece_offset,
        size_bytes=entry.size_bytes,
        wanted=entry.wanted,
        stored=entry.stored,
        part_size_bytes=entry.part_size_bytes,
        held=[pb.HeldPart(number=number, size_bytes=size) for number, size in entry.held],
    )


def _view(job_id: UUID, indexes: Iterable[int]) -> pb.View:
    ranges = [pb.IndexRange(first=first, last=last) for first, last in index_ranges(indexes)]
    return pb.View(job_id=str(job_id), wanted=ranges)


def index_ranges(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending indexes as inclusive ranges."""
    ranges: list[tuple[int, int]] = []
    for index in indexes:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1] = (ranges[-1][0], index)
        else:
            ranges.append((index, index))
    return ranges
