"""tseeder.jobs.v1.Grants: signed rights to read one file, and what they open."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from typing import Any, Final

from tseeder.jobs.v1 import grants_pb2 as pb
from tseeder.jobs.v1 import grants_pb2_grpc, jobs_pb2
from tseeder_jobs.api import wire
from tseeder_jobs.api.callers import user
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.grant_read import grant_read
from tseeder_jobs.usecases.open_grant import end_grant_read, open_grant

SERVICE: Final = "/tseeder.jobs.v1.Grants/"
PUBLIC_METHODS: Final = frozenset(f"{SERVICE}{name}" for name in ("OpenGrant", "EndGrantRead"))
"""The grant is all that is asked for."""


class GrantsServicer(grants_pb2_grpc.GrantsServicer):
    """Wire to domain and back."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def GrantRead(self, request: pb.GrantReadRequest, context: Any) -> pb.GrantReadResponse:
        """Make one."""
        caller = user("files:read")
        grant, text = await grant_read(self._ctx, caller, wire.file_id(request.file_id))
        return pb.GrantReadResponse(grant=text, expires_at=wire.timestamp(grant.expires_at))

    async def OpenGrant(self, request: pb.OpenGrantRequest, context: Any) -> jobs_pb2.OpenReadResponse:
        """Where its file's bytes can be had."""
        stream_id = wire.stream_id(request.stream_id) if request.stream_id else None
        return wire.read(await open_grant(self._ctx, request.grant, request.offset, stream_id))

    async def EndGrantRead(self, request: pb.EndGrantReadRequest, context: Any) -> pb.EndGrantReadResponse:
        """A reader is done."""
        await end_grant_read(self._ctx, request.grant, wire.stream_id(request.stream_id), request.sent_bytes)
        return pb.EndGrantReadResponse()
