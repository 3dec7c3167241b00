"""admin: operators' verbs, which it audits."""

from __future__ import annotations

from tseeder.admin.v1 import admin_pb2 as pb
from tseeder.admin.v1.admin_pb2_grpc import OperationsStub
from tseeder.auth.v1 import auth_pb2 as auth
from tseeder.jobs.v1 import model_pb2 as model
from tseeder.jobs.v1 import operators_pb2 as operators
from tseeder_rpc import Caller, use_identity


class Admin:
    """Every method takes the operator's identity token first, and raises AppError as admin meant it."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._stub = OperationsStub(caller.channel)
        self._seconds = seconds

    async def create_user(self, identity: str, request: pb.CreateUserRequest) -> auth.User:
        """A new account, with a password that the operator chose."""
        with use_identity(identity):
            return await self._stub.CreateUser(request, timeout=self._seconds)

    async def list_users(self, identity: str, *, text: str, cursor: str, limit: int) -> auth.ListUsersResponse:
        """Accounts."""
        request = auth.ListUsersRequest(text=text, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListUsers(request, timeout=self._seconds)

    async def get_user(self, identity: str, user_id: str) -> auth.User:
        """One account."""
        with use_identity(identity):
            return await self._stub.GetUser(auth.GetUserRequest(user_id=user_id), timeout=self._seconds)

    async def set_user_role(
        self, identity: str, user_id: str, role: auth.Role.ValueType, justification: pb.Justification
    ) -> auth.User:
        """What a user may do."""
        request = pb.SetUserRoleRequest(user_id=user_id, role=role, justification=justification)
        with use_identity(identity):
            return await self._stub.SetUserRole(request, timeout=self._seconds)

    async def set_user_suspended(
        self, identity: str, user_id: str, *, suspended: bool, justification: pb.Justification
    ) -> auth.User:
        """Whether a user may use his account."""
        request = pb.SetUserSuspendedRequest(user_id=user_id, suspended=suspended, justification=justification)
        with use_identity(identity):
            return await self._stub.SetUserSuspended(request, timeout=self._seconds)

    async def force_logout(self, identity: str, user_id: str, justification: pb.Justification) -> int:
        """Ends all sessions of a user; how many there were."""
        request = pb.ForceLogoutRequest(user_id=user_id, justification=justification)
        with use_identity(identity):
            return (await self._stub.ForceLogout(request, timeout=self._seconds)).ended

    async def list_agents(self, identity: str) -> list[operators.AgentInfo]:
        """All agents that are registered."""
        with use_identity(identity):
            answer = await self._stub.ListAgents(operators.ListAgentsRequest(), timeout=self._seconds)
        return list(answer.agents)

    async def set_cordon(
        self, identity: str, agent_id: str, *, cordoned: bool, justification: pb.Justification
    ) -> operators.AgentInfo:
        """Stops, or allows, an agent's claims."""
        request = pb.SetCordonRequest(agent_id=agent_id, cordoned=cordoned, justification=justification)
        with use_identity(identity):
            return await self._stub.SetCordon(request, timeout=self._seconds)

    async def set_drain(
        self, identity: str, agent_id: str, *, drain: bool, justification: pb.Justification
    ) -> operators.AgentInfo:
        """Orders an agent to give everything back, or takes that order back."""
        request = pb.SetDrainRequest(agent_id=agent_id, drain=drain, justification=justification)
        with use_identity(identity):
            return await self._stub.SetDrain(request, timeout=self._seconds)

    async def list_dead_letters(
        self, identity: str, *, reason_code: str, cursor: str, limit: int
    ) -> operators.ListDeadLettersResponse:
        """Transfers that failed for good, newest first."""
        request = operators.ListDeadLettersRequest(reason_code=reason_code, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListDeadLetters(request, timeout=self._seconds)

    async def get_dead_letter(self, identity: str, transfer_id: str) -> operators.DeadLetter:
        """One of them, with its history and its jobs."""
        request = operators.GetDeadLetterRequest(transfer_id=transfer_id)
        with use_identity(identity):
            return await self._stub.GetDeadLetter(request, timeout=self._seconds)

    async def replay_dead_letter(
        self, identity: str, transfer_id: str, justification: pb.Justification
    ) -> operators.ReplayDeadLetterResponse:
        """Its failed jobs are tried again."""
        request = pb.ReplayDeadLetterRequest(transfer_id=transfer_id, justification=justification)
        with use_identity(identity):
            return await self._stub.ReplayDeadLetter(request, timeout=self._seconds)

    async def terminate_job(self, identity: str, job_id: str, justification: pb.Justification) -> model.Job:
        """Ends anybody's job."""
        request = pb.TerminateJobRequest(job_id=job_id, justification=justification)
        with use_identity(identity):
            return await self._stub.TerminateJob(request, timeout=self._seconds)

    async def get_storage(self, identity: str) -> operators.Storage:
        """What object storage holds, and what was left behind there."""
        with use_identity(identity):
            return await self._stub.GetStorage(operators.GetStorageRequest(), timeout=self._seconds)

    async def clean_storage(self, identity: str, request: pb.CleanStorageRequest) -> operators.CleanStorageResponse:
        """Looks for leftovers, and deals with them if it says so."""
        with use_identity(identity):
            return await self._stub.CleanStorage(request, timeout=self._seconds)

    async def list_audit(self, identity: str, *, action: str, cursor: str, limit: int) -> pb.ListAuditResponse:
        """What operators did, newest first."""
        request = pb.ListAuditRequest(action=action, cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._stub.ListAudit(request, timeout=self._seconds)

    async def list_security_events(
        self, identity: str, request: auth.ListSecurityEventsRequest
    ) -> auth.ListSecurityEventsResponse:
        """What happened to accounts."""
        with use_identity(identity):
            return await self._stub.ListSecurityEvents(request, timeout=self._seconds)
