"""tseeder.auth.v1.Me: what a user does with his own account."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.api.wire import (
    Context,
    caller,
    client_of,
    id_of,
    key_to_wire,
    proof_of,
    session_to_wire,
    time_of,
    user_to_wire,
)
from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.usecases.change_password import change_password
from tseeder_auth.usecases.create_api_key import KeyRequest, create_api_key
from tseeder_auth.usecases.get_me import get_me
from tseeder_auth.usecases.list_api_keys import list_api_keys
from tseeder_auth.usecases.revoke_api_key import revoke_api_key
from tseeder_pg import Pool


class MeServicer(auth_pb2_grpc.MeServicer):
    """GetMe, ChangePassword, CreateApiKey, ListApiKeys, RevokeApiKey."""

    def __init__(self, pool: Pool, hasher: Argon2Pool, rules: LoginRules) -> None:
        self._pool = pool
        self._hasher = hasher
        self._rules = rules

    async def GetMe(self, request: auth_pb2.GetMeRequest, context: Context) -> auth_pb2.User:
        """The caller's account."""
        return user_to_wire(await get_me(self._pool, caller()))

    async def ChangePassword(self, request: auth_pb2.ChangePasswordRequest, context: Context) -> auth_pb2.LogInResponse:
        """Another password, and a session in place of all that there were."""
        session = await change_password(
            self._pool,
            self._hasher,
            self._rules,
            caller(),
            proof_of(request.proof),
            request.new_password,
            client_of(request.client),
        )
        return session_to_wire(session)

    async def CreateApiKey(
        self, request: auth_pb2.CreateApiKeyRequest, context: Context
    ) -> auth_pb2.CreateApiKeyResponse:
        """A key of the caller's, with its secret, this once."""
        expires_at = time_of("expires_at", request.expires_at) if request.HasField("expires_at") else None
        wanted = KeyRequest(request.name, request.scopes, expires_at, request.idempotency_key)
        created = await create_api_key(self._pool, caller(), wanted)
        return auth_pb2.CreateApiKeyResponse(key=key_to_wire(created.key), secret=created.secret)

    async def ListApiKeys(self, request: auth_pb2.ListApiKeysRequest, context: Context) -> auth_pb2.ListApiKeysResponse:
        """The caller's keys."""
        keys = await list_api_keys(self._pool, caller())
        return auth_pb2.ListApiKeysResponse(keys=[key_to_wire(key) for key in keys])

    async def RevokeApiKey(
        self, request: auth_pb2.RevokeApiKeyRequest, context: Context
    ) -> auth_pb2.RevokeApiKeyResponse:
        """The end of a key of the caller's."""
        await revoke_api_key(self._pool, caller(), id_of("key_id", request.key_id))
        return auth_pb2.RevokeApiKeyResponse()
