"""auth, called with the operator's own identity, which rpc passes on."""

from collections.abc import Collection, Mapping
from uuid import UUID

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_rpc import Caller, Channel


class AuthAccounts:
    """tseeder.auth.v1.Accounts; errors are auth's own, or `service_unavailable` and `deadline_exceeded`."""

    def __init__(self, channel: Channel, deadline: float) -> None:
        self._stub = auth_pb2_grpc.AccountsStub(Caller(channel, service="auth", deadline=deadline).channel)

    async def create_user(
        self, user_id: UUID, email: str, password: str, role: auth_pb2.Role.ValueType
    ) -> auth_pb2.User:
        """Makes a user; with the same id once more it answers the same one."""
        return await self._stub.CreateUser(
            auth_pb2.CreateUserRequest(user_id=str(user_id), email=email, password=password, role=role)
        )

    async def emails(self, user_ids: Collection[str]) -> Mapping[str, str]:
        """The address of each of these users that there is, by id."""
        answer = await self._stub.ListUsers(auth_pb2.ListUsersRequest(user_ids=sorted(user_ids)))
        return {user.user_id: user.email for user in answer.users}

    async def list_users(self, request: auth_pb2.ListUsersRequest) -> auth_pb2.ListUsersResponse:
        """A page of accounts."""
        return await self._stub.ListUsers(request)

    async def get_user(self, user_id: UUID) -> auth_pb2.User:
        """One account."""
        return await self._stub.GetUser(auth_pb2.GetUserRequest(user_id=str(user_id)))

    async def set_role(self, user_id: UUID, role: auth_pb2.Role.ValueType) -> auth_pb2.User:
        """What a user may do; setting it twice is setting it once."""
        return await self._stub.SetRole(auth_pb2.SetRoleRequest(user_id=str(user_id), role=role))

    async def set_suspended(self, user_id: UUID, *, suspended: bool) -> auth_pb2.User:
        """Whether an account may be used; setting it twice is setting it once."""
        return await self._stub.SetSuspended(auth_pb2.SetSuspendedRequest(user_id=str(user_id), suspended=suspended))

    async def end_sessions(self, user_id: UUID) -> auth_pb2.EndSessionsResponse:
        """Signs a user out everywhere."""
        return await self._stub.EndSessions(auth_pb2.EndSessionsRequest(user_id=str(user_id)))

    async def list_security_events(
        self, request: auth_pb2.ListSecurityEventsRequest
    ) -> auth_pb2.ListSecurityEventsResponse:
        """A page of what happened to accounts."""
        return await self._stub.ListSecurityEvents(request)
