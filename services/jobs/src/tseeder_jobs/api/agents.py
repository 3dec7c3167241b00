"""tseeder.jobs.v1.Agents: what agents ask and tell. Who calls is proven by the credential of the calling boot."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Sized
from dataclasses import dataclass
from typing import Any, Final

from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import agents_pb2_grpc
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_jobs.api import diagnosis_wire, lease_wire, wire
from tseeder_jobs.domain.agent_calls import AgentCaller, HeldLease, LeaseRef, Registration
from tseeder_jobs.domain.rows import Reason
from tseeder_jobs.usecases.claim_transfers import claim_transfers
from tseeder_jobs.usecases.complete_files import complete_files
from tseeder_jobs.usecases.confirm_writes import confirm_writes
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.describe_transfer import describe_transfer
from tseeder_jobs.usecases.fail_transfer import fail_transfer
from tseeder_jobs.usecases.finish_transfer import finish_transfer
from tseeder_jobs.usecases.heartbeat import heartbeat
from tseeder_jobs.usecases.plan_writes import plan_writes
from tseeder_jobs.usecases.register_agent import register_agent
from tseeder_jobs.usecases.release_transfer import release_transfer
from tseeder_jobs.usecases.report import report
from tseeder_jobs.usecases.verify_metadata import verify_metadata
from tseeder_kit.errors import invalid, too_large
from tseeder_rpc import current_caller

SERVICE: Final = "/tseeder.jobs.v1.Agents/"
PUBLIC_METHODS: Final = frozenset({f"{SERVICE}Register"})

MAX_BATCH: Final = 1000
MAX_LEASES: Final = 10_000
MAX_CLAIM: Final = 64
MAX_INFO_BYTES: Final = 10 * 1000 * 1000
MAX_LAYERS_BYTES: Final = 10 * 1000 * 1000
MAX_REASON_CHARS: Final = 500
MAX_TEXT_CHARS: Final = 500
AGENT_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MAX_NOT_BEFORE_SECONDS: Final = 3600.0


class AgentsServicer(agents_pb2_grpc.AgentsServicer):
    """Wire to domain and back; a call counts for the leases of its own boot only."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def Register(self, request: pb.RegisterRequest, context: Any) -> pb.RegisterResponse:
        """A boot joins by the join secret; the older boot of that agent is out."""
        _at_most(request.leftovers, MAX_LEASES, "leftovers")
        registered = await register_agent(self._ctx, _registration(request))
        settings = self._ctx.settings
        return pb.RegisterResponse(
            credential=registered.credential,
            credential_expires_at=wire.timestamp(registered.credential_expires_at),
            keep=[lease_wire.ref_to_wire(lease) for lease in registered.keep],
            timing=pb.Timing(
                heartbeat_seconds=settings.heartbeat_seconds,
                lease_seconds=settings.lease_seconds,
                self_stop_seconds=settings.self_stop_seconds,
            ),
        )

    async def Heartbeat(self, request: pb.HeartbeatRequest, context: Any) -> pb.HeartbeatResponse:
        """Renew what is named; what is not an id at all is lost."""
        _at_most(request.leases, MAX_LEASES, "leases")
        held = [
            HeldLease(LeaseRef(transfer_id, item.lease.epoch), item.wanted_version)
            for item in request.leases
            if (transfer_id := wire.parse_uuid(item.lease.transfer_id)) is not None
        ]
        reply = await heartbeat(self._ctx, _caller(), held, _size(request.disk_free_bytes), request.draining)
        return pb.HeartbeatResponse(
            renewed=[lease_wire.ref_to_wire(lease) for lease in reply.renewed],
            lost=[lease_wire.ref_to_wire(lease) for lease in reply.lost],
            orders=[lease_wire.order_to_wire(order) for order in reply.orders],
            drain=reply.drain,
            cordoned=reply.cordoned,
        )

    async def Claim(self, request: pb.ClaimRequest, context: Any) -> pb.ClaimResponse:
        """Transfers for so many free slots."""
        limit = min(request.limit, MAX_CLAIM)
        if limit < 1:
            raise invalid("bad_limit", "Claim one transfer at least.")
        claimed = await claim_transfers(self._ctx, _caller(), limit, _size(request.disk_free_bytes))
        return pb.ClaimResponse(
            claimed=[
                pb.Claimed(
                    lease=lease_wire.ref_to_wire(each.lease),
                    expires_at=wire.timestamp(each.expires_at),
                    disk_reserved_bytes=each.disk_reserved_bytes,
                    traceparent=each.traceparent or "",
                )
                for each in claimed
            ]
        )

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> AsyncIterator[pb.DescribeResponse]:
        """All that the lease holder must know."""
        found = await describe_transfer(self._ctx, _caller(), lease_wire.lease_of(request.lease))
        for message in lease_wire.description_to_wire(found):
            yield message

    async def SubmitMetadata(
        self, request: AsyncIterator[pb.SubmitMetadataRequest], context: Any
    ) -> pb.SubmitMetadataResponse:
        """Raw info bytes of a magnet."""
        caller = _caller()
        sent = await _metadata(request)
        verdict = await verify_metadata(self._ctx, caller, sent.lease, sent.info, sent.layers)
        return pb.SubmitMetadataResponse(proceed=verdict.proceed, reason=wire.reason_of(verdict.reason))

    async def PlanWrites(self, request: pb.PlanWritesRequest, context: Any) -> pb.PlanWritesResponse:
        """Where these parts and files go."""
        _at_most(request.writes, MAX_BATCH, "writes")
        intents = [lease_wire.intent_of(item) for item in request.writes]
        plans = await plan_writes(self._ctx, _caller(), lease_wire.lease_of(request.lease), intents)
        return pb.PlanWritesResponse(plans=[lease_wire.plan_to_wire(plan) for plan in plans])

    async def ConfirmWrites(self, request: pb.ConfirmWritesRequest, context: Any) -> pb.ConfirmWritesResponse:
        """What S3 answered to them."""
        _at_most(request.results, MAX_BATCH, "results")
        _at_most(request.gone, MAX_BATCH, "gone")
        reset = await confirm_writes(
            self._ctx,
            _caller(),
            lease_wire.lease_of(request.lease),
            [lease_wire.result_of(item) for item in request.results],
            [lease_wire.gone_of(item) for item in request.gone],
        )
        return pb.ConfirmWritesResponse(reset_file_indexes=reset)

    async def CompleteFiles(self, request: pb.CompleteFilesRequest, context: Any) -> pb.CompleteFilesResponse:
        """Make objects of them."""
        _at_most(request.file_indexes, MAX_BATCH, "file_indexes")
        done = await complete_files(
            self._ctx, _caller(), lease_wire.lease_of(request.lease), list(request.file_indexes)
        )
        return pb.CompleteFilesResponse(files=[lease_wire.completed_to_wire(each) for each in done])

    async def Report(self, request: pb.ReportRequest, context: Any) -> pb.ReportResponse:
        """Where it stands, and what holds it up."""
        problem = _reason(request.problem) if request.HasField("problem") else None
        state = wire.transfer_state(request.state)
        evidence = diagnosis_wire.evidence_of(request.evidence) if request.HasField("evidence") else None
        await report(self._ctx, _caller(), lease_wire.lease_of(request.lease), state, problem, evidence)
        return pb.ReportResponse()

    async def Finish(self, request: pb.FinishRequest, context: Any) -> pb.FinishResponse:
        """Everything wanted is stored."""
        finished = await finish_transfer(
            self._ctx, _caller(), lease_wire.lease_of(request.lease), request.wanted_version
        )
        return pb.FinishResponse(finished=finished)

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:
        """Give the lease back."""
        seconds = request.not_before_seconds
        if not math.isfinite(seconds) or seconds < 0:
            raise invalid("bad_not_before", "not_before_seconds is not negative.")
        await release_transfer(
            self._ctx,
            _caller(),
            lease_wire.lease_of(request.lease),
            wanted_version=request.wanted_version,
            reason=_reason(request.reason) if request.HasField("reason") else None,
            not_before_seconds=min(seconds, MAX_NOT_BEFORE_SECONDS),
            spends_attempt=request.spends_attempt,
        )
        return pb.ReleaseResponse()

    async def Fail(self, request: pb.FailRequest, context: Any) -> pb.FailResponse:
        """Nobody could do better."""
        await fail_transfer(self._ctx, _caller(), lease_wire.lease_of(request.lease), _reason(request.reason))
        return pb.FailResponse()


def _caller() -> AgentCaller:
    return current_caller(AgentCaller)


def _registration(request: pb.RegisterRequest) -> Registration:
    boot_id = wire.parse_uuid(request.boot_id)
    if boot_id is None:
        raise invalid("bad_boot_id", "boot_id is a UUID.")
    if not AGENT_ID.fullmatch(request.agent_id):
        raise invalid("bad_agent_id", "An agent's id is 1 to 63 of a-z, 0-9 and -, and begins and ends without -.")
    if not all(_plain(text) for text in (request.read_url, request.software_version)):
        raise invalid("bad_text", f"read_url and software_version have {MAX_TEXT_CHARS} printable characters at most.")
    if request.capacity.transfers < 1 or request.capacity.disk_bytes < 0:
        raise invalid("bad_capacity", "An agent runs one transfer at least.")
    return Registration(
        agent_id=request.agent_id,
        boot_id=boot_id,
        join_secret=request.join_secret,
        read_url=request.read_url,
        transfers_capacity=request.capacity.transfers,
        disk_bytes=request.capacity.disk_bytes,
        leftovers=lease_wire.known_leases(request.leftovers),
        software_version=request.software_version,
    )


def _plain(text: str) -> bool:
    return len(text) <= MAX_TEXT_CHARS and (not text or text.isprintable())


def _reason(given: model.Reason) -> Reason:
    """An agent is not believed about lengths, and Postgres takes no NUL."""
    code = given.code if given.code.isascii() and given.code.replace("_", "").isalnum() else "unknown"
    return Reason(code[:64], given.message.replace("\0", "")[:MAX_REASON_CHARS])


def _size(value: int) -> int:
    if value < 0:
        raise invalid("bad_size", "A size is not negative.")
    return value


def _at_most(items: Sized, limit: int, field: str) -> None:
    if len(items) > limit:
        raise invalid("batch_too_large", f"{field}: {limit} at most.", limit=limit)


@dataclass(frozen=True, slots=True)
class _Metadata:
    lease: LeaseRef
    info: bytes
    layers: bytes | None


async def _metadata(requests: AsyncIterator[pb.SubmitMetadataRequest]) -> _Metadata:
    """The whole stream. TOO_LARGE `metadata_too_large` as soon as it is, INVALID `lease_missing` without a lease."""
    lease: LeaseRef | None = None
    info, layers = bytearray(), bytearray()
    has_layers = False
    async for request in requests:
        match request.WhichOneof("item"):
            case "lease" if lease is None:
                lease = lease_wire.lease_of(request.lease)
            case "info" if lease is not None:
                info += request.info
            case "piece_layers" if lease is not None:
                has_layers = True
                layers += request.piece_layers
            case _:
                raise invalid("lease_missing", "The first message, and only that, names the lease.")
        if len(info) > MAX_INFO_BYTES or len(layers) > MAX_LAYERS_BYTES:
            raise too_large("metadata_too_large", "The torrent's metadata is larger than is taken.")
    if lease is None:
        raise invalid("lease_missing", "The first message, and only that, names the lease.")
    return _Metadata(lease, bytes(info), bytes(layers) if has_layers else None)
