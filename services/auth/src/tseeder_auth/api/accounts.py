"""tseeder.auth.v1.Accounts: called by the admin service with the operator's identity, and audited there."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.api.wire import Context, caller, event_to_wire, id_of, named_role, role_of, user_to_wire
from tseeder_auth.usecases.create_user import NewUser, create_user
from tseeder_auth.usecases.get_user import get_user
from tseeder_auth.usecases.list_security_events import list_security_events
from tseeder_auth.usecases.list_users import find_users, list_users
from tseeder_auth.usecases.set_role import set_role
from tseeder_auth.usecases.set_suspended import set_suspended
from tseeder_auth.usecases.sign_out_user import sign_out_user
from tseeder_pg import Pool


class AccountsServicer(auth_pb2_grpc.AccountsServicer):
    """CreateUser, ListUsers, GetUser, SetRole, SetSuspended, EndSessions, ListSecurityEvents."""

    def __init__(self, pool: Pool, hasher: Argon2Pool) -> None:
        self._pool = pool
        self._hasher = hasher

    async def CreateUser(self, request: auth_pb2.CreateUserRequest, context: Context) -> auth_pb2.User:
        """An account for somebody."""
        new = NewUser(id_of("user_id", request.user_id), request.email, request.password, role_of(request.role))
        return user_to_wire(await create_user(self._pool, self._hasher, caller(), new))

    async def ListUsers(self, request: auth_pb2.ListUsersRequest, context: Context) -> auth_pb2.ListUsersResponse:
        """Accounts, newest first."""
        if request.user_ids:
            ids = [id_of("user_ids", each) for each in request.user_ids]
            page = await find_users(self._pool, caller(), ids)
        else:
            page = await list_users(self._pool, caller(), request.text, request.cursor, request.limit)
        return auth_pb2.ListUsersResponse(
            users=[user_to_wire(user) for user in page.users], next_cursor=page.next_cursor
        )

    async def GetUser(self, request: auth_pb2.GetUserRequest, context: Context) -> auth_pb2.User:
        """One account."""
        return user_to_wire(await get_user(self._pool, caller(), id_of("user_id", request.user_id)))

    async def SetRole(self, request: auth_pb2.SetRoleRequest, context: Context) -> auth_pb2.User:
        """What he may do."""
        user_id, role = id_of("user_id", request.user_id), named_role(request.role)
        return user_to_wire(await set_role(self._pool, caller(), user_id, role))

    async def SetSuspended(self, request: auth_pb2.SetSuspendedRequest, context: Context) -> auth_pb2.User:
        """Whether he may use his account."""
        user_id = id_of("user_id", request.user_id)
        return user_to_wire(await set_suspended(self._pool, caller(), user_id, suspended=request.suspended))

    async def EndSessions(self, request: auth_pb2.EndSessionsRequest, context: Context) -> auth_pb2.EndSessionsResponse:
        """He is signed out everywhere."""
        ended = await sign_out_user(self._pool, caller(), id_of("user_id", request.user_id))
        return auth_pb2.EndSessionsResponse(ended=ended)

    async def ListSecurityEvents(
        self, request: auth_pb2.ListSecurityEventsRequest, context: Context
    ) -> auth_pb2.ListSecurityEventsResponse:
        """What happened to accounts, newest first."""
        user_id = id_of("user_id", request.user_id) if request.user_id else None
        page = await list_security_events(self._pool, caller(), user_id, request.kind, request.cursor, request.limit)
        return auth_pb2.ListSecurityEventsResponse(
            events=[event_to_wire(event) for event in page.events], next_cursor=page.next_cursor
        )
