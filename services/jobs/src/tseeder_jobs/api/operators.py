"""tseeder.jobs.v1.Operators: called by the admin service with the operator's own identity, and audited there."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from typing import Any, Final

from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as pb
from tseeder.jobs.v1 import operators_pb2_grpc
from tseeder_jobs.api import wire
from tseeder_jobs.api.callers import operator
from tseeder_jobs.domain.rows import AgentRow, Reason
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.list_agents import list_agents
from tseeder_jobs.usecases.set_cordon import set_cordon
from tseeder_jobs.usecases.set_drain import set_drain
from tseeder_jobs.usecases.terminate_job import terminate_job

DEFAULT_REASON: Final = Reason("terminated", "An operator ended this job.")


class OperatorsServicer(operators_pb2_grpc.OperatorsServicer):
    """What operators see and do."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def ListAgents(self, request: pb.ListAgentsRequest, context: Any) -> pb.ListAgentsResponse:
        """Every agent that ever registered."""
        operator("admin:read")
        return pb.ListAgentsResponse(agents=[_agent(*found) for found in await list_agents(self._ctx)])

    async def SetCordon(self, request: pb.SetCordonRequest, context: Any) -> pb.AgentInfo:
        """Let an agent claim nothing more, or claim again."""
        operator("admin:write")
        return _agent(*await set_cordon(self._ctx, request.agent_id, cordoned=request.cordoned))

    async def SetDrain(self, request: pb.SetDrainRequest, context: Any) -> pb.AgentInfo:
        """Order an agent to give everything back, or take the order back."""
        operator("admin:write")
        return _agent(*await set_drain(self._ctx, request.agent_id, drain=request.drain))

    async def TerminateJob(self, request: pb.TerminateJobRequest, context: Any) -> model.Job:
        """End any user's job."""
        operator("admin:write")
        given = request.reason
        why = Reason(given.code, given.message) if given.code else DEFAULT_REASON
        return wire.job(await terminate_job(self._ctx, wire.job_id(request.job_id), why))


def _agent(row: AgentRow, leases: int) -> pb.AgentInfo:
    return pb.AgentInfo(
        agent_id=row.agent_id,
        boot_id=str(row.boot_id),
        cordoned=row.cordoned,
        draining=row.draining,
        drain_ordered=row.drain_ordered,
        leases=leases,
        transfers_capacity=row.transfers_capacity,
        disk_bytes=row.disk_bytes,
        disk_free_bytes=row.disk_free_bytes,
        software_version=row.software_version,
        registered_at=wire.timestamp(row.registered_at),
        last_heartbeat_at=wire.timestamp(row.last_heartbeat_at),
    )
