"""jobs, called with the operator's own identity, which rpc passes on."""

from typing import Final
from uuid import UUID

from tseeder.jobs.v1 import model_pb2, operators_pb2, operators_pb2_grpc
from tseeder_rpc import Caller, Channel

# What the job's owner reads. The operator's own words stay in the audit log.
TERMINATED: Final = model_pb2.Reason(code="terminated_by_operator", message="An operator ended this job.")


class JobsOperators:
    """tseeder.jobs.v1.Operators; errors are jobs' own, or `service_unavailable` and `deadline_exceeded`."""

    def __init__(self, channel: Channel, deadline: float) -> None:
        self._stub = operators_pb2_grpc.OperatorsStub(Caller(channel, service="jobs", deadline=deadline).channel)

    async def list_agents(self) -> operators_pb2.ListAgentsResponse:
        """All agents that registered."""
        return await self._stub.ListAgents(operators_pb2.ListAgentsRequest())

    async def set_cordon(self, agent_id: str, *, cordoned: bool) -> operators_pb2.AgentInfo:
        """Whether an agent may claim; setting it twice is setting it once."""
        return await self._stub.SetCordon(operators_pb2.SetCordonRequest(agent_id=agent_id, cordoned=cordoned))

    async def set_drain(self, agent_id: str, *, drain: bool) -> operators_pb2.AgentInfo:
        """Whether an agent has to give everything back; ordering it twice is ordering it once."""
        return await self._stub.SetDrain(operators_pb2.SetDrainRequest(agent_id=agent_id, drain=drain))

    async def list_dead_letters(
        self, request: operators_pb2.ListDeadLettersRequest
    ) -> operators_pb2.ListDeadLettersResponse:
        """Transfers that failed for good, newest first."""
        return await self._stub.ListDeadLetters(request)

    async def get_dead_letter(self, request: operators_pb2.GetDeadLetterRequest) -> operators_pb2.DeadLetter:
        """One with its history and its jobs."""
        return await self._stub.GetDeadLetter(request)

    async def replay_dead_letter(self, transfer_id: UUID) -> operators_pb2.ReplayDeadLetterResponse:
        """Tries its failed jobs again; a repeat goes on with those that are left."""
        request = operators_pb2.ReplayDeadLetterRequest(transfer_id=str(transfer_id))
        return await self._stub.ReplayDeadLetter(request)

    async def get_storage(self) -> operators_pb2.Storage:
        """What object storage holds, and what was left behind there."""
        return await self._stub.GetStorage(operators_pb2.GetStorageRequest())

    async def clean_storage(self, request: operators_pb2.CleanStorageRequest) -> operators_pb2.CleanStorageResponse:
        """Looks for leftovers, and deals with them if it says so; a repeat finds the rest."""
        return await self._stub.CleanStorage(request)

    async def terminate_job(self, job_id: UUID) -> model_pb2.Job:
        """Ends a job of any user; an ended one stays as it is."""
        return await self._stub.TerminateJob(operators_pb2.TerminateJobRequest(job_id=str(job_id), reason=TERMINATED))
