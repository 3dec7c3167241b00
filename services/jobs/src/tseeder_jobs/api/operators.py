"""tseeder.jobs.v1.Operators: called by the admin service with the operator's own identity, and audited there."""

# ruff: noqa: N802
# The methods are named by the proto.

from __future__ import annotations

from typing import Any, Final

from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as pb
from tseeder.jobs.v1 import operators_pb2_grpc
from tseeder_jobs.api import storage_wire, wire
from tseeder_jobs.api.callers import operator
from tseeder_jobs.domain.rows import AgentRow, DeadLetterRow, Reason
from tseeder_jobs.usecases.clean_storage import clean_storage
from tseeder_jobs.usecases.context import Context
from tseeder_jobs.usecases.list_agents import list_agents
from tseeder_jobs.usecases.read_dead_letters import get_dead_letter, list_dead_letters
from tseeder_jobs.usecases.read_storage import read_storage
from tseeder_jobs.usecases.replay_dead_letter import replay_dead_letter
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

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:
        """Transfers that failed for good, newest first."""
        operator("admin:read")
        rows, next_cursor = await list_dead_letters(
            self._ctx, reason_code=request.reason_code, cursor=request.cursor, limit=request.limit
        )
        return pb.ListDeadLettersResponse(dead_letters=[_dead_letter(row) for row in rows], next_cursor=next_cursor)

    async def GetDeadLetter(self, request: pb.GetDeadLetterRequest, context: Any) -> pb.DeadLetter:
        """One with its history and its jobs."""
        operator("admin:read")
        found = await get_dead_letter(self._ctx, wire.dead_letter_id(request.transfer_id))
        message = _dead_letter(found.row)
        message.attempts.extend(wire.attempt(row, for_operators=True) for row in found.attempts)
        message.jobs.extend(pb.DeadJob(job_id=str(job_id), user_id=str(user_id)) for job_id, user_id in found.jobs)
        return message

    async def ReplayDeadLetter(self, request: pb.ReplayDeadLetterRequest, context: Any) -> pb.ReplayDeadLetterResponse:
        """Its failed jobs are wanted again."""
        operator("admin:write")
        done = await replay_dead_letter(self._ctx, wire.dead_letter_id(request.transfer_id))
        return pb.ReplayDeadLetterResponse(
            replayed_jobs=done.jobs,
            refused_jobs=done.refused,
            transfer_id=str(done.transfer_id) if done.transfer_id else "",
            left_jobs=done.left,
        )

    async def TerminateJob(self, request: pb.TerminateJobRequest, context: Any) -> model.Job:
        """End any user's job."""
        operator("admin:write")
        given = request.reason
        why = Reason(given.code, given.message) if given.code else DEFAULT_REASON
        return wire.job(await terminate_job(self._ctx, wire.job_id(request.job_id), why))

    async def GetStorage(self, request: pb.GetStorageRequest, context: Any) -> pb.Storage:
        """What object storage holds, and what was left behind there."""
        operator("admin:read")
        return storage_wire.storage(*await read_storage(self._ctx))

    async def CleanStorage(self, request: pb.CleanStorageRequest, context: Any) -> pb.CleanStorageResponse:
        """Look for leftovers now, and deal with them if that is said."""
        operator("admin:write")
        done = await clean_storage(self._ctx, request.cursor, apply=request.apply, unknown=request.unknown_objects)
        reports = [storage_wire.report(each) for each in done.reports]
        return pb.CleanStorageResponse(reports=reports, next_cursor=done.next_cursor)


def _dead_letter(row: DeadLetterRow) -> pb.DeadLetter:
    return pb.DeadLetter(
        transfer_id=str(row.transfer_id),
        reason=wire.reason(row.reason_code, row.reason_message),
        failed_at=wire.timestamp(row.failed_at),
        attempts_spent=row.attempts_spent,
        failed_jobs=row.failed_jobs,
    )


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
