"""tseeder.auth.v1.Me: what a user does with his own account."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.api.wire import Context, caller, client_of, id_of, key_to_wire, time_of, user_to_wire
from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.usecases.create_api_key import KeyRequest, create_api_key
from tseeder_auth.usecases.delete_me import delete_me
from tseeder_auth.usecases.get_me import get_me
from tseeder_auth.usecases.list_api_keys import list_api_keys
from tseeder_auth.usecases.prove import Proof
from tseeder_auth.usecases.revoke_api_key import revoke_api_key
from tseeder_pg import Pool


class MeServicer(auth_pb2_grpc.MeServicer):
    """GetMe, DeleteMe, CreateApiKey, ListApiKeys, RevokeApiKey."""

    def __init__(self, pool: Pool, hasher: Argon2Pool, rules: LoginRules) -> None:
        self._pool = pool
        self._hasher = hasher
        self._rules = rules

    async def GetMe(self, request: auth_pb2.GetMeRequest, context: Context) -> auth_pb2.User:
        """The caller's account."""
        return user_to_wire(await get_me(self._pool, caller()))

    async def DeleteMe(self, request: auth_pb2.DeleteMeRequest, context: Context) -> auth_pb2.DeleteMeResponse:
        """The end of the caller's account."""
        proof = Proof(request.proof.password, request.proof.code)
        await delete_me(self._pool, self._hasher, self._rules, caller(), proof, client_of(request.client))
        return auth_pb2.DeleteMeResponse()

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
