"""tseeder.auth.v1.Me: what a user does with his own account."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.api.wire import (
    Context,
    caller,
    client_of,
    id_of,
    identity_to_wire,
    key_to_wire,
    time_of,
    user_to_wire,
)
from tseeder_auth.usecases.create_api_key import KeyRequest, create_api_key
from tseeder_auth.usecases.get_me import get_me
from tseeder_auth.usecases.identities import list_identities, unlink_identity
from tseeder_auth.usecases.list_api_keys import list_api_keys
from tseeder_auth.usecases.revoke_api_key import revoke_api_key
from tseeder_pg import Pool


class MeServicer(auth_pb2_grpc.MeServicer):
    """GetMe, ListIdentities, UnlinkIdentity, CreateApiKey, ListApiKeys, RevokeApiKey."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def GetMe(self, request: auth_pb2.GetMeRequest, context: Context) -> auth_pb2.User:
        """The caller's account."""
        return user_to_wire(await get_me(self._pool, caller()))

    async def ListIdentities(
        self, request: auth_pb2.ListIdentitiesRequest, context: Context
    ) -> auth_pb2.ListIdentitiesResponse:
        """What signs in to the caller's account beside a password."""
        found = await list_identities(self._pool, caller())
        return auth_pb2.ListIdentitiesResponse(identities=[identity_to_wire(each) for each in found])

    async def UnlinkIdentity(
        self, request: auth_pb2.UnlinkIdentityRequest, context: Context
    ) -> auth_pb2.UnlinkIdentityResponse:
        """The end of one of them."""
        await unlink_identity(self._pool, caller(), request.provider, request.subject, client_of(request.client))
        return auth_pb2.UnlinkIdentityResponse()

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
