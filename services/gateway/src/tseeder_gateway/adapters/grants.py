"""jobs: signed rights to read one file, for URLs on the content origin."""

from __future__ import annotations

from tseeder.jobs.v1 import grants_pb2 as pb
from tseeder.jobs.v1 import jobs_pb2
from tseeder.jobs.v1.grants_pb2_grpc import GrantsStub
from tseeder_rpc import Caller, use_identity


class Grants:
    """Every method raises AppError as jobs meant it."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._stub = GrantsStub(caller.channel)
        self._seconds = seconds

    async def make(self, identity: str, file_id: str) -> str:
        """The right to read this file of the caller's, for some hours."""
        with use_identity(identity):
            answer = await self._stub.GrantRead(pb.GrantReadRequest(file_id=file_id), timeout=self._seconds)
        return answer.grant

    async def open(self, grant: str, *, offset: int, stream_id: str) -> jobs_pb2.OpenReadResponse:
        """Where the file's bytes can be had from `offset` on, now."""
        request = pb.OpenGrantRequest(grant=grant, offset=offset, stream_id=stream_id)
        return await self._stub.OpenGrant(request, timeout=self._seconds)

    async def end_read(self, grant: str, stream_id: str, sent_bytes: int) -> None:
        """That reader is done, and got so much."""
        request = pb.EndGrantReadRequest(grant=grant, stream_id=stream_id, sent_bytes=sent_bytes)
        await self._stub.EndGrantRead(request, timeout=self._seconds)
