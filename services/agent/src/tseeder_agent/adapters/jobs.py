"""The Agents service of jobs, in the agent's own words. Errors are AppErrors; nothing is retried here."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import Final

from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import agents_pb2_grpc
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_agent.adapters.jobs_wire import (
    description_of,
    evidence_to_wire,
    intent_to_wire,
    lease_of,
    lease_to_wire,
    reason_of,
    reason_to_wire,
    result_to_wire,
)
from tseeder_agent.domain.evidence import Evidence
from tseeder_agent.domain.parts import PartKey
from tseeder_agent.domain.tenure import Timing
from tseeder_agent.domain.transfer import Description, LeaseId, Problem, Stage
from tseeder_agent.domain.writes import Beat, Claimed, Completed, Completion, Intent, Order, Plan, Result, Verdict
from tseeder_rpc import Caller, Channel

CHUNK: Final = 1024 * 1024
BATCH: Final = 1000
"""Most writes, results or files of one call."""
DESCRIBE_SECONDS: Final = 60.0
COMPLETE_SECONDS: Final = 120.0

_STAGES: Final = {
    Stage.RESOLVING: model.TRANSFER_STATE_RESOLVING,
    Stage.DOWNLOADING: model.TRANSFER_STATE_DOWNLOADING,
    Stage.STORING: model.TRANSFER_STATE_STORING,
}
_VERDICTS: Final = {pb.WriteVerdict.Value(f"WRITE_VERDICT_{verdict.name}"): verdict for verdict in Verdict}
_COMPLETIONS: Final = {pb.CompleteVerdict.Value(f"COMPLETE_VERDICT_{each.name}"): each for each in Completion}


class JobsClient:
    """One boot of one agent. `register` first: it brings the credential that the other calls carry."""

    def __init__(self, channel: Channel, *, agent_id: str, boot_id: str, join_secret: str, call_seconds: float) -> None:
        self.agent_id: Final = agent_id
        self.boot_id: Final = boot_id
        self._join_secret = join_secret
        self._credential: str | None = None
        self._credential_hashes: deque[bytes] = deque(maxlen=2)
        caller = Caller(channel, service="jobs", deadline=call_seconds, credential=lambda: self._credential)
        self._stub = agents_pb2_grpc.AgentsStub(caller.channel)

    @property
    def credential_hashes(self) -> tuple[bytes, ...]:
        """What jobs keeps of this boot's credential, and of the one before: tokens that it signed are on their way."""
        return tuple(self._credential_hashes)

    def _show(self, credential: str) -> None:
        self._credential = credential
        self._credential_hashes.append(sha256(credential.encode()).digest())

    async def register(
        self, *, transfers: int, disk_bytes: int, read_url: str, leftovers: Iterable[LeaseId], version: str
    ) -> tuple[Timing, frozenset[LeaseId]]:
        """Join; gives jobs' timers, and the leftovers that are worth keeping."""
        answer = await self._stub.Register(
            pb.RegisterRequest(
                agent_id=self.agent_id,
                boot_id=self.boot_id,
                join_secret=self._join_secret,
                capacity=pb.Capacity(transfers=transfers, disk_bytes=disk_bytes),
                read_url=read_url,
                leftovers=[lease_to_wire(lease) for lease in leftovers],
                software_version=version,
            )
        )
        self._show(answer.credential)
        timing = Timing(answer.timing.heartbeat_seconds, answer.timing.lease_seconds, answer.timing.self_stop_seconds)
        return timing, frozenset(lease_of(ref) for ref in answer.keep)

    async def heartbeat(
        self, held: Sequence[tuple[LeaseId, int]], *, disk_free: int, draining: bool, timeout: float
    ) -> Beat:
        """Name every lease with the wanted_version that is worked by."""
        leases = [pb.HeldLease(lease=lease_to_wire(lease), wanted_version=version) for lease, version in held]
        request = pb.HeartbeatRequest(leases=leases, disk_free_bytes=disk_free, draining=draining)
        answer = await self._stub.Heartbeat(request, timeout=timeout)
        if answer.credential:
            self._show(answer.credential)
        return Beat(
            renewed=frozenset(lease_of(ref) for ref in answer.renewed),
            lost=frozenset(lease_of(ref) for ref in answer.lost),
            orders=tuple(_order(order) for order in answer.orders if order.WhichOneof("order")),
            drain=answer.drain,
            cordoned=answer.cordoned,
        )

    async def claim(self, *, limit: int, disk_free: int) -> list[Claimed]:
        """Up to `limit` transfers."""
        answer = await self._stub.Claim(pb.ClaimRequest(limit=limit, disk_free_bytes=disk_free))
        return [Claimed(lease_of(each.lease), each.disk_reserved_bytes, each.traceparent) for each in answer.claimed]

    async def describe(self, lease: LeaseId) -> Description:
        """All that must be known to run it."""
        stream = self._stub.Describe(pb.DescribeRequest(lease=lease_to_wire(lease)), timeout=DESCRIBE_SECONDS)
        async with aclosing(stream) as answers:  # type: ignore[type-var]
            return await description_of(answers)

    async def submit_metadata(self, lease: LeaseId, info: bytes, piece_layers: bytes) -> Problem | None:
        """What a magnet turned out to be; None: go on, else why to stop (the lease is gone)."""

        async def requests() -> AsyncIterator[pb.SubmitMetadataRequest]:
            yield pb.SubmitMetadataRequest(lease=lease_to_wire(lease))
            for at in range(0, len(info), CHUNK):
                yield pb.SubmitMetadataRequest(info=info[at : at + CHUNK])
            for at in range(0, len(piece_layers), CHUNK):
                yield pb.SubmitMetadataRequest(piece_layers=piece_layers[at : at + CHUNK])

        answer = await self._stub.SubmitMetadata(requests(), timeout=DESCRIBE_SECONDS)
        return None if answer.proceed else reason_of(answer.reason)

    async def plan_writes(self, lease: LeaseId, intents: Sequence[Intent]) -> list[Plan]:
        """A plan for each intent, in their order; at most BATCH."""
        request = pb.PlanWritesRequest(
            lease=lease_to_wire(lease), writes=[intent_to_wire(intent) for intent in intents]
        )
        answer = await self._stub.PlanWrites(request)
        return [
            Plan(
                PartKey(plan.file_index, plan.part_number),
                _VERDICTS[plan.verdict],
                plan.object_key,
                plan.s3_upload_id,
                plan.presigned_url,
                plan.with_crc32,
            )
            for plan in answer.plans
        ]

    async def confirm_writes(self, lease: LeaseId, results: Sequence[Result]) -> frozenset[int]:
        """What S3 answered, at most BATCH; gives the entries all of whose parts must go up again."""
        gone = {(each.key.file_index, each.upload_id) for each in results if each.gone}
        request = pb.ConfirmWritesRequest(
            lease=lease_to_wire(lease),
            results=[result_to_wire(each) for each in results if not each.gone],
            gone=[pb.UploadGone(file_index=index, s3_upload_id=upload) for index, upload in sorted(gone)],
        )
        answer = await self._stub.ConfirmWrites(request)
        return frozenset(answer.reset_file_indexes)

    async def complete_files(self, lease: LeaseId, file_indexes: Sequence[int]) -> list[Completed]:
        """Make objects of entries whose parts are all confirmed; at most BATCH."""
        request = pb.CompleteFilesRequest(lease=lease_to_wire(lease), file_indexes=file_indexes)
        answer = await self._stub.CompleteFiles(request, timeout=COMPLETE_SECONDS)
        return [
            Completed(
                each.file_index,
                _COMPLETIONS[each.verdict],
                tuple(each.missing_parts),
                reason_of(each.reason) if each.HasField("reason") else None,
            )
            for each in answer.files
        ]

    async def report(
        self, lease: LeaseId, stage: Stage, problem: Problem | None, evidence: Evidence | None = None
    ) -> None:
        """Where it stands, what holds it up, and what is seen of the swarm (None: as it was)."""
        await self._stub.Report(
            pb.ReportRequest(
                lease=lease_to_wire(lease),
                state=_STAGES[stage],
                problem=None if problem is None else reason_to_wire(problem),
                evidence=None if evidence is None else evidence_to_wire(evidence),
            )
        )

    async def finish(self, lease: LeaseId, wanted_version: int) -> bool:
        """Everything wanted is stored; False: the wish is another one by now, or something is not stored."""
        request = pb.FinishRequest(lease=lease_to_wire(lease), wanted_version=wanted_version)
        return bool((await self._stub.Finish(request)).finished)

    async def release(
        self,
        lease: LeaseId,
        *,
        reason: Problem,
        wanted_version: int = 0,
        not_before_seconds: float = 0.0,
        spends_attempt: bool = False,
    ) -> None:
        """Give it back. PRECONDITION `wanted_changed` if `wanted_version` (not 0) is not the newest."""
        await self._stub.Release(
            pb.ReleaseRequest(
                lease=lease_to_wire(lease),
                wanted_version=wanted_version,
                reason=reason_to_wire(reason),
                not_before_seconds=not_before_seconds,
                spends_attempt=spends_attempt,
            )
        )

    async def fail(self, lease: LeaseId, reason: Problem) -> None:
        """Nobody could do better."""
        await self._stub.Fail(pb.FailRequest(lease=lease_to_wire(lease), reason=reason_to_wire(reason)))


def _order(order: pb.Order) -> Order:
    park = order.WhichOneof("order") == "park"
    version = order.park.wanted_version if park else order.refresh.wanted_version
    return Order(lease_of(order.lease), version, park)
