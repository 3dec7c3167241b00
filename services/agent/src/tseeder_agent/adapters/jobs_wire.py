"""Between the wire and the domain, for the calls to jobs."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_agent.domain.evidence import Evidence, TrackerState
from tseeder_agent.domain.transfer import Description, EntryWish, LeaseId, Problem, View
from tseeder_agent.domain.writes import Intent, Result
from tseeder_kit.errors import unavailable

STALL_TIMEOUT_SECONDS: Final = 3600.0
"""Of a jobs service that is older than the time-outs of plans, and does not tell it."""
_TRACKER_STATES: Final = {state: model.TrackerState.Value(f"TRACKER_STATE_{state.name}") for state in TrackerState}


def lease_of(ref: pb.LeaseRef) -> LeaseId:
    return LeaseId(ref.transfer_id, ref.epoch)


def lease_to_wire(lease: LeaseId) -> pb.LeaseRef:
    return pb.LeaseRef(transfer_id=lease.transfer_id, epoch=lease.epoch)


def reason_of(reason: model.Reason) -> Problem:
    return Problem(reason.code or "unknown", reason.message)


def reason_to_wire(problem: Problem) -> model.Reason:
    return model.Reason(code=problem.code, message=problem.message)


def intent_to_wire(intent: Intent) -> pb.WriteIntent:
    return pb.WriteIntent(
        file_index=intent.key.file_index,
        part_number=intent.key.number,
        size_bytes=intent.size,
        crc32=intent.crc32,
    )


def result_to_wire(result: Result) -> pb.WriteResult:
    return pb.WriteResult(
        file_index=result.key.file_index,
        part_number=result.key.number,
        object_key=result.object_key,
        s3_upload_id=result.upload_id,
        etag=result.etag,
        size_bytes=result.size,
    )


def evidence_to_wire(evidence: Evidence) -> model.SwarmEvidence:
    return model.SwarmEvidence(
        peers=evidence.peers,
        seeds=evidence.seeds,
        candidates=evidence.candidates,
        banned_peers=evidence.banned_peers,
        received_bytes=evidence.received_bytes,
        wasted_bytes=evidence.wasted_bytes,
        failed_pieces=evidence.failed_pieces,
        missing_pieces=evidence.missing_pieces,
        quiet_seconds=evidence.quiet_seconds,
        trackers=[
            model.TrackerEvidence(
                url=each.url, state=_TRACKER_STATES[each.state], message=each.message, fails=each.fails
            )
            for each in evidence.trackers
        ],
        dht_nodes=evidence.dht_nodes,
        download_rate=evidence.download_rate,
        upload_rate=evidence.upload_rate,
    )


async def description_of(answers: AsyncIterable[pb.DescribeResponse]) -> Description:
    """Gather the stream. UNAVAILABLE `description_incomplete` if it ended without its header."""
    header: pb.TransferHeader | None = None
    info, layers = bytearray(), bytearray()
    entries: list[EntryWish] = []
    views: list[View] = []
    async for answer in answers:
        match answer.WhichOneof("item"):
            case "header":
                header = answer.header
            case "info":
                info += answer.info
            case "piece_layers":
                layers += answer.piece_layers
            case "entries":
                entries += [_entry(entry) for entry in answer.entries.entries]
            case "views":
                views += [_view(view) for view in answer.views.views]
    if header is None:
        raise unavailable("description_incomplete", "jobs did not finish its answer.")
    return Description(
        lease=lease_of(header.lease),
        wanted_version=header.wanted_version,
        info_hash_v1=header.info_hash_v1,
        info_hash_v2=header.info_hash_v2,
        metadata_known=header.metadata_known,
        private=header.private,
        trackers=tuple(header.trackers),
        web_seeds=tuple(header.web_seeds),
        peers=tuple(header.peers),
        piece_length=header.piece_length,
        total_bytes=header.total_bytes,
        bucket=header.bucket,
        metadata_timeout_seconds=header.metadata_timeout_seconds,
        stall_timeout_seconds=header.stall_timeout_seconds or STALL_TIMEOUT_SECONDS,
        info=bytes(info),
        piece_layers=bytes(layers),
        entries=tuple(entries),
        views=tuple(views),
    )


def _entry(entry: pb.Entry) -> EntryWish:
    return EntryWish(
        file_index=entry.file_index,
        offset=entry.offset,
        size=entry.size_bytes,
        wanted=entry.wanted,
        stored=entry.stored,
        part_size=entry.part_size_bytes,
        held=frozenset(part.number for part in entry.held),
    )


def _view(view: pb.View) -> View:
    return View(view.job_id, tuple((each.first, each.last) for each in view.wanted))
