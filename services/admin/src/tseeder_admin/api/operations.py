"""tseeder.admin.v1.Operations."""

# ruff: noqa: N802
# The methods are named by the proto.

from collections.abc import Mapping
from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from tseeder.admin.v1 import admin_pb2, admin_pb2_grpc
from tseeder.auth.v1 import auth_pb2
from tseeder.jobs.v1 import model_pb2, operators_pb2
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.domain.audit import AuditEntry
from tseeder_admin.domain.operators import Call, Operator, id_of
from tseeder_admin.usecases.carry_out import Acts
from tseeder_admin.usecases.clean_storage import clean_storage
from tseeder_admin.usecases.create_user import NewUser, create_user
from tseeder_admin.usecases.force_logout import force_logout
from tseeder_admin.usecases.list_audit import emails_of, list_audit
from tseeder_admin.usecases.replay_dead_letter import replay_dead_letter
from tseeder_admin.usecases.set_cordon import set_cordon
from tseeder_admin.usecases.set_drain import set_drain
from tseeder_admin.usecases.set_user_role import set_user_role
from tseeder_admin.usecases.set_user_suspended import set_user_suspended
from tseeder_admin.usecases.terminate_job import terminate_job
from tseeder_kit.logging import current_request_id
from tseeder_pg import Pool
from tseeder_rpc import current_principal

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class OperationsServicer(admin_pb2_grpc.OperationsServicer):
    """Reading forwards; acting is audited."""

    def __init__(self, pool: Pool, acts: Acts, auth: AuthAccounts, jobs: JobsOperators) -> None:
        self._pool = pool
        self._acts = acts
        self._auth = auth
        self._jobs = jobs

    async def CreateUser(self, request: admin_pb2.CreateUserRequest, context: Context) -> auth_pb2.User:
        """An account for somebody."""
        new = NewUser(request.email, request.password, request.role, request.idempotency_key)
        return await create_user(self._pool, self._acts, self._auth, _call(request.justification), new)

    async def ListUsers(self, request: auth_pb2.ListUsersRequest, context: Context) -> auth_pb2.ListUsersResponse:
        """Accounts, newest first."""
        _operator().require_read()
        return await self._auth.list_users(request)

    async def GetUser(self, request: auth_pb2.GetUserRequest, context: Context) -> auth_pb2.User:
        """One account."""
        _operator().require_read()
        return await self._auth.get_user(id_of("user_id", request.user_id))

    async def SetUserRole(self, request: admin_pb2.SetUserRoleRequest, context: Context) -> auth_pb2.User:
        """What a user may do."""
        call = _call(request.justification)
        return await set_user_role(self._acts, self._auth, call, request.user_id, request.role)

    async def SetUserSuspended(self, request: admin_pb2.SetUserSuspendedRequest, context: Context) -> auth_pb2.User:
        """Whether a user may use his account."""
        call = _call(request.justification)
        return await set_user_suspended(self._acts, self._auth, call, request.user_id, suspended=request.suspended)

    async def ForceLogout(
        self, request: admin_pb2.ForceLogoutRequest, context: Context
    ) -> auth_pb2.EndSessionsResponse:
        """A user is signed out everywhere."""
        return await force_logout(self._acts, self._auth, _call(request.justification), request.user_id)

    async def ListSecurityEvents(
        self, request: auth_pb2.ListSecurityEventsRequest, context: Context
    ) -> auth_pb2.ListSecurityEventsResponse:
        """What happened to accounts, newest first."""
        _operator().require_read()
        return await self._auth.list_security_events(request)

    async def ListAgents(
        self, request: operators_pb2.ListAgentsRequest, context: Context
    ) -> operators_pb2.ListAgentsResponse:
        """All agents."""
        _operator().require_read()
        return await self._jobs.list_agents()

    async def SetCordon(self, request: admin_pb2.SetCordonRequest, context: Context) -> operators_pb2.AgentInfo:
        """Whether an agent may claim."""
        call = _call(request.justification)
        return await set_cordon(self._acts, self._jobs, call, request.agent_id, cordoned=request.cordoned)

    async def SetDrain(self, request: admin_pb2.SetDrainRequest, context: Context) -> operators_pb2.AgentInfo:
        """Whether an agent has to give everything back."""
        call = _call(request.justification)
        return await set_drain(self._acts, self._jobs, call, request.agent_id, drain=request.drain)

    async def ListDeadLetters(
        self, request: operators_pb2.ListDeadLettersRequest, context: Context
    ) -> operators_pb2.ListDeadLettersResponse:
        """Transfers that failed for good."""
        _operator().require_read()
        return await self._jobs.list_dead_letters(request)

    async def GetDeadLetter(
        self, request: operators_pb2.GetDeadLetterRequest, context: Context
    ) -> operators_pb2.DeadLetter:
        """One of them, with its history and its jobs."""
        _operator().require_read()
        return await self._jobs.get_dead_letter(request)

    async def ReplayDeadLetter(
        self, request: admin_pb2.ReplayDeadLetterRequest, context: Context
    ) -> operators_pb2.ReplayDeadLetterResponse:
        """Its failed jobs are tried again."""
        return await replay_dead_letter(self._acts, self._jobs, _call(request.justification), request.transfer_id)

    async def TerminateJob(self, request: admin_pb2.TerminateJobRequest, context: Context) -> model_pb2.Job:
        """The end of any user's job."""
        return await terminate_job(self._acts, self._jobs, _call(request.justification), request.job_id)

    async def GetStorage(self, request: operators_pb2.GetStorageRequest, context: Context) -> operators_pb2.Storage:
        """What object storage holds, and what was left behind there."""
        _operator().require_read()
        return await self._jobs.get_storage()

    async def CleanStorage(
        self, request: admin_pb2.CleanStorageRequest, context: Context
    ) -> operators_pb2.CleanStorageResponse:
        """Leftovers are looked for, and dealt with."""
        return await clean_storage(self._acts, self._jobs, _call(request.justification), request.clean)

    async def ListAudit(self, request: admin_pb2.ListAuditRequest, context: Context) -> admin_pb2.ListAuditResponse:
        """What operators did, newest first."""
        page = await list_audit(self._pool, _operator(), request.action, request.cursor, request.limit)
        emails = await emails_of(self._auth, page.entries)
        entries = [_entry_to_wire(entry, emails) for entry in page.entries]
        return admin_pb2.ListAuditResponse(entries=entries, next_cursor=page.next_cursor)


def _operator() -> Operator:
    principal = current_principal()
    return Operator(principal.user_id, principal.role, principal.scopes)


def _call(justification: admin_pb2.Justification) -> Call:
    return Call(_operator(), justification.reason, justification.ticket_id, current_request_id() or "")


def _entry_to_wire(entry: AuditEntry, emails: Mapping[str, str]) -> admin_pb2.AuditEntry:
    details, at = Struct(), Timestamp()
    details.update(dict(entry.details))
    if entry.outcome_code is not None:
        details.update({"outcome_code": entry.outcome_code})
    at.FromDatetime(entry.at)
    return admin_pb2.AuditEntry(
        audit_id=str(entry.audit_id),
        actor_user_id=str(entry.actor_user_id),
        actor_role=entry.actor_role,
        action=entry.action,
        target=entry.target,
        reason=entry.reason,
        ticket_id=entry.ticket_id,
        outcome=str(entry.outcome),
        details=details,
        at=at,
        request_id=entry.request_id,
        actor_email=emails.get(str(entry.actor_user_id), ""),
        target_email=emails.get(entry.target, ""),
    )
