"""An agent as jobs sees one: the real calls, and real writes to S3 with the agents' own key. What it stores is read
from the torrent's content on disk instead of from a swarm."""

from __future__ import annotations

import io
import uuid
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aioboto3
import aiohttp
from botocore.config import Config
from yarl import URL

from tests.integration.jobs.running import JOIN_SECRET, Service, eventually
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder.jobs.v1 import agents_pb2_grpc
from tseeder.jobs.v1 import model_pb2 as model
from tseeder_stack.s3 import S3Server
from tseeder_testkit.torrents import Sample

GIB = 1 << 30


@asynccontextmanager
async def agents_s3(server: S3Server) -> AsyncIterator[Any]:
    """A client with the agents' key."""
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 3, "mode": "standard"},
    )
    session = aioboto3.Session(server.agent.access, server.agent.secret, region_name=server.region)
    async with session.client("s3", endpoint_url=server.endpoint, config=config) as client:
        yield client


@dataclass(frozen=True)
class Described:
    """What Describe told."""

    header: pb.TransferHeader
    info: bytes
    piece_layers: bytes
    entries: dict[int, pb.Entry]
    views: dict[str, list[tuple[int, int]]]
    messages: int

    @property
    def wanted(self) -> list[int]:
        """Indexes of what is wanted and not stored."""
        return [index for index, entry in self.entries.items() if entry.wanted and not entry.stored]


@dataclass
class Agent:
    """One boot of an agent."""

    service: Service
    s3: Any
    agent_id: str = field(default_factory=lambda: f"agent-{uuid.uuid4().hex[:8]}")
    boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    credential: str = ""
    put: list[tuple[int, int]] = field(default_factory=list)  # (file index, part number) of what went up

    def __post_init__(self) -> None:
        self.stub: agents_pb2_grpc.AgentsStub = self.service.agents(lambda: self.credential or None)

    def next_boot(self) -> Agent:
        """The same agent, started anew; not registered yet."""
        return Agent(self.service, self.s3, self.agent_id)

    async def register(self, **fields: Any) -> pb.RegisterResponse:
        """Join; `fields` replace those of a well-behaved agent."""
        request = {
            "agent_id": self.agent_id,
            "boot_id": self.boot_id,
            "join_secret": JOIN_SECRET,
            "capacity": pb.Capacity(transfers=8, disk_bytes=100 * GIB),
            "software_version": "test",
        }
        answer = await self.stub.Register(pb.RegisterRequest(**{**request, **fields}))
        self.credential = answer.credential
        return answer

    async def beat(self, *leases: pb.LeaseRef, seen: int = 0, draining: bool = False) -> pb.HeartbeatResponse:
        """One heartbeat that names these leases, as knowing the wish `seen`."""
        held = [pb.HeldLease(lease=lease, wanted_version=seen) for lease in leases]
        return await self.stub.Heartbeat(pb.HeartbeatRequest(leases=held, disk_free_bytes=100 * GIB, draining=draining))

    async def claim(self, limit: int = 1, disk: int = 100 * GIB) -> list[pb.Claimed]:
        """What it gets now."""
        return list((await self.stub.Claim(pb.ClaimRequest(limit=limit, disk_free_bytes=disk))).claimed)

    async def claim_one(self) -> pb.LeaseRef:
        """A lease, once there is one to be had."""
        got: list[pb.Claimed] = []

        async def claimed() -> bool:
            got.extend(await self.claim())
            return bool(got)

        await eventually(claimed)
        return got[0].lease

    async def describe(self, lease: pb.LeaseRef) -> Described:
        """All that the lease holder must know."""
        header, info, layers, messages = None, b"", b"", 0
        entries: dict[int, pb.Entry] = {}
        views: dict[str, list[tuple[int, int]]] = {}
        async for message in self.stub.Describe(pb.DescribeRequest(lease=lease)):
            messages += 1
            match message.WhichOneof("item"):
                case "header":
                    header = message.header
                case "info":
                    info += message.info
                case "piece_layers":
                    layers += message.piece_layers
                case "entries":
                    entries.update({entry.file_index: entry for entry in message.entries.entries})
                case "views":
                    views.update({v.job_id: [(r.first, r.last) for r in v.wanted] for v in message.views.views})
        assert header is not None
        return Described(header, info, layers, entries, views, messages)

    async def submit_metadata(
        self, lease: pb.LeaseRef, info: bytes, layers: bytes | None = None, chunk: int = 1 << 20
    ) -> pb.SubmitMetadataResponse:
        """Raw info bytes, as a magnet's swarm gave them."""
        return await self.stub.SubmitMetadata(_metadata(lease, info, layers, chunk))

    async def plan(self, lease: pb.LeaseRef, writes: Iterable[pb.WriteIntent]) -> list[pb.WritePlan]:
        """Where they go."""
        return list((await self.stub.PlanWrites(pb.PlanWritesRequest(lease=lease, writes=writes))).plans)

    async def confirm(
        self, lease: pb.LeaseRef, results: Iterable[pb.WriteResult], gone: Iterable[pb.UploadGone] = ()
    ) -> list[int]:
        """What S3 answered."""
        request = pb.ConfirmWritesRequest(lease=lease, results=results, gone=gone)
        return list((await self.stub.ConfirmWrites(request)).reset_file_indexes)

    async def complete(self, lease: pb.LeaseRef, *indexes: int) -> list[pb.CompletedFile]:
        """Make objects of them."""
        return list((await self.stub.CompleteFiles(pb.CompleteFilesRequest(lease=lease, file_indexes=indexes))).files)

    async def report(
        self, lease: pb.LeaseRef, state: model.TransferState.ValueType, problem: model.Reason | None = None
    ) -> None:
        """Where it stands."""
        await self.stub.Report(pb.ReportRequest(lease=lease, state=state, problem=problem))

    async def finish(self, lease: pb.LeaseRef, wanted_version: int) -> bool:
        """All is stored."""
        return (await self.stub.Finish(pb.FinishRequest(lease=lease, wanted_version=wanted_version))).finished

    async def release(self, lease: pb.LeaseRef, **fields: Any) -> None:
        """Give it back."""
        reason = model.Reason(code="draining", message="The agent stops.")
        await self.stub.Release(pb.ReleaseRequest(**{"lease": lease, "reason": reason, **fields}))

    async def fail(self, lease: pb.LeaseRef, code: str = "no_peers", message: str = "Nobody has it.") -> None:
        """Nobody could do better."""
        await self.stub.Fail(pb.FailRequest(lease=lease, reason=model.Reason(code=code, message=message)))

    async def write(self, plan: pb.WritePlan, body: bytes) -> pb.WriteResult:
        """The bytes of one plan, to S3."""
        assert plan.verdict == pb.WRITE_VERDICT_GO
        where = {"Bucket": self.service.world.s3.bucket, "Key": plan.object_key, "Body": body}
        answer: Mapping[str, str]
        if plan.presigned_url:
            status, answer = await put_by(plan.presigned_url, body)
            assert status == 200, f"S3 answered {status}"
        elif plan.part_number:
            answer = await self.s3.upload_part(**where, PartNumber=plan.part_number, UploadId=plan.s3_upload_id)
        else:
            answer = await self.s3.put_object(**where)
        self.put.append((plan.file_index, plan.part_number))
        return pb.WriteResult(
            file_index=plan.file_index,
            part_number=plan.part_number,
            object_key=plan.object_key,
            s3_upload_id=plan.s3_upload_id,
            etag=answer["ETag"],
            size_bytes=len(body),
        )

    async def send(self, lease: pb.LeaseRef, pieces: Sequence[Piece]) -> list[pb.WritePlan]:
        """Plan, write what is to be written, confirm; gives the plans."""
        plans = await self.plan(lease, [piece.intent for piece in pieces])
        pairs = zip(plans, pieces, strict=True)
        results = [await self.write(plan, p.body) for plan, p in pairs if plan.verdict == pb.WRITE_VERDICT_GO]
        await self.confirm(lease, results)
        return plans

    async def store(self, lease: pb.LeaseRef, sample: Sample, *indexes: int) -> list[pb.CompletedFile]:
        """These files (none: all that are wanted), from the sample's content to objects."""
        described = await self.describe(lease)
        chosen = indexes or tuple(described.wanted)
        await self.send(lease, [p for index in chosen for p in pieces(sample, described.entries[index])])
        return await self.complete(lease, *chosen)

    async def run(self, lease: pb.LeaseRef, sample: Sample) -> None:
        """The whole of a transfer whose metadata is known."""
        described = await self.describe(lease)
        done = await self.store(lease, sample)
        assert {file.verdict for file in done} == {pb.COMPLETE_VERDICT_STORED}
        assert await self.finish(lease, described.header.wanted_version)


@dataclass(frozen=True)
class Piece:
    """One write and its bytes."""

    intent: pb.WriteIntent
    body: bytes


def content_of(sample: Sample, entry: pb.Entry) -> bytes:
    """The true bytes of an entry. Agents match by offset and size."""
    found = next(f for f in sample.files if (f.offset, f.size) == (entry.offset, entry.size_bytes))
    return sample.path_of(found).read_bytes()


def pieces(sample: Sample, entry: pb.Entry) -> list[Piece]:
    """An entry's writes: the parts that S3 does not hold yet, or the whole."""
    data = content_of(sample, entry)
    held = {part.number for part in entry.held}
    size = entry.part_size_bytes or len(data)
    bodies = [
        (at // size + 1 if entry.part_size_bytes else 0, data[at : at + size]) for at in range(0, len(data), size)
    ]
    return [Piece(intent(entry.file_index, number, body), body) for number, body in bodies if number not in held]


def intent(file_index: int, number: int, body: bytes) -> pb.WriteIntent:
    """What is about to go up."""
    return pb.WriteIntent(file_index=file_index, part_number=number, size_bytes=len(body), crc32=zlib.crc32(body))


async def put_by(url: str, body: bytes) -> tuple[int, Mapping[str, str]]:
    """Status and headers of a PUT by a presigned URL, with the condition that is signed into it, if one is."""
    headers = {"If-None-Match": "*"} if "if-none-match" in url else {}
    async with aiohttp.ClientSession() as http:
        async with http.put(
            URL(url, encoded=True), data=io.BytesIO(body), headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, answer.headers


async def _metadata(
    lease: pb.LeaseRef, info: bytes, layers: bytes | None, chunk: int
) -> AsyncIterator[pb.SubmitMetadataRequest]:
    yield pb.SubmitMetadataRequest(lease=lease)
    for at in range(0, len(info), chunk):
        yield pb.SubmitMetadataRequest(info=info[at : at + chunk])
    if layers is not None:
        for at in range(0, max(1, len(layers)), chunk):
            yield pb.SubmitMetadataRequest(piece_layers=layers[at : at + chunk])
