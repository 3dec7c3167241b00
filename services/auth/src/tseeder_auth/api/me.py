"""tseeder.auth.v1.Me: what a user does with his own account."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.api.wire import (
    Context,
    caller,
    client_of,
    event_to_wire,
    id_of,
    identity_to_wire,
    key_to_wire,
    open_session_to_wire,
    proof_of,
    session_to_wire,
    time_of,
    user_to_wire,
)
from tseeder_auth.domain.accounts import Client, LoginRules
from tseeder_auth.usecases.change_password import change_password
from tseeder_auth.usecases.confirm_totp import confirm_totp
from tseeder_auth.usecases.create_api_key import KeyRequest, create_api_key
from tseeder_auth.usecases.delete_me import delete_me
from tseeder_auth.usecases.disable_totp import disable_totp
from tseeder_auth.usecases.get_me import get_me
from tseeder_auth.usecases.identities import list_identities, unlink_identity
from tseeder_auth.usecases.list_api_keys import list_api_keys
from tseeder_auth.usecases.list_security_events import list_my_security_events
from tseeder_auth.usecases.list_sessions import list_sessions
from tseeder_auth.usecases.prove import Proven, prove
from tseeder_auth.usecases.replace_recovery_codes import replace_recovery_codes
from tseeder_auth.usecases.revoke_api_key import revoke_api_key
from tseeder_auth.usecases.revoke_session import revoke_other_sessions, revoke_session
from tseeder_auth.usecases.start_totp import start_totp
from tseeder_auth.usecases.update_me import set_my_name
from tseeder_pg import Pool


class MeServicer(auth_pb2_grpc.MeServicer):
    """One's account, sessions, second factor, identities, security events and API keys."""

    def __init__(self, pool: Pool, hasher: Argon2Pool, sealer: Sealer, rules: LoginRules, *, totp_issuer: str) -> None:
        self._pool = pool
        self._hasher = hasher
        self._sealer = sealer
        self._rules = rules
        self._totp_issuer = totp_issuer

    async def GetMe(self, request: auth_pb2.GetMeRequest, context: Context) -> auth_pb2.User:
        """The caller's account."""
        return user_to_wire(await get_me(self._pool, caller()))

    async def DeleteMe(self, request: auth_pb2.DeleteMeRequest, context: Context) -> auth_pb2.DeleteMeResponse:
        """The end of the caller's account."""
        await delete_me(self._pool, await self._proven(request.proof, client_of(request.client)))
        return auth_pb2.DeleteMeResponse()

    async def UpdateMe(self, request: auth_pb2.UpdateMeRequest, context: Context) -> auth_pb2.User:
        """The caller's account, as he wants it to be."""
        if not request.HasField("name"):
            return user_to_wire(await get_me(self._pool, caller()))
        return user_to_wire(await set_my_name(self._pool, caller(), request.name))

    async def ListSessions(
        self, request: auth_pb2.ListSessionsRequest, context: Context
    ) -> auth_pb2.ListSessionsResponse:
        """The caller's sessions."""
        who = caller()
        found = await list_sessions(self._pool, self._rules, who)
        return auth_pb2.ListSessionsResponse(sessions=[open_session_to_wire(each, who.session_id) for each in found])

    async def RevokeSession(
        self, request: auth_pb2.RevokeSessionRequest, context: Context
    ) -> auth_pb2.RevokeSessionResponse:
        """The end of a session of the caller's."""
        session_id = id_of("session_id", request.session_id)
        await revoke_session(self._pool, caller(), session_id, client_of(request.client))
        return auth_pb2.RevokeSessionResponse()

    async def RevokeOtherSessions(
        self, request: auth_pb2.RevokeOtherSessionsRequest, context: Context
    ) -> auth_pb2.RevokeOtherSessionsResponse:
        """The end of all of the caller's sessions but this one."""
        ended = await revoke_other_sessions(self._pool, caller(), client_of(request.client))
        return auth_pb2.RevokeOtherSessionsResponse(ended=ended)

    async def StartTotp(self, request: auth_pb2.StartTotpRequest, context: Context) -> auth_pb2.StartTotpResponse:
        """A secret for an authenticator app."""
        proven = await self._proven(request.proof, client_of(request.client))
        made = await start_totp(self._pool, self._sealer, proven, issuer=self._totp_issuer)
        return auth_pb2.StartTotpResponse(secret=made.secret, uri=made.uri, qr_svg=made.qr_svg)

    async def ConfirmTotp(self, request: auth_pb2.ConfirmTotpRequest, context: Context) -> auth_pb2.ConfirmTotpResponse:
        """The second factor's beginning: recovery codes, and the session under its new secret."""
        done = await confirm_totp(
            self._pool, self._rules, self._sealer, caller(), request.code, client_of(request.client)
        )
        return auth_pb2.ConfirmTotpResponse(recovery_codes=done.recovery_codes, session=session_to_wire(done.session))

    async def DisableTotp(self, request: auth_pb2.DisableTotpRequest, context: Context) -> auth_pb2.DisableTotpResponse:
        """The second factor's end."""
        client = client_of(request.client)
        await disable_totp(self._pool, await self._proven(request.proof, client), client)
        return auth_pb2.DisableTotpResponse()

    async def ReplaceRecoveryCodes(
        self, request: auth_pb2.ReplaceRecoveryCodesRequest, context: Context
    ) -> auth_pb2.ReplaceRecoveryCodesResponse:
        """New recovery codes."""
        client = client_of(request.client)
        codes = await replace_recovery_codes(self._pool, await self._proven(request.proof, client), client)
        return auth_pb2.ReplaceRecoveryCodesResponse(recovery_codes=codes)

    async def ListSecurityEvents(
        self, request: auth_pb2.ListMySecurityEventsRequest, context: Context
    ) -> auth_pb2.ListSecurityEventsResponse:
        """What happened to the caller's account, newest first."""
        page = await list_my_security_events(self._pool, caller(), request.cursor, request.limit)
        return auth_pb2.ListSecurityEventsResponse(
            events=[event_to_wire(event) for event in page.events], next_cursor=page.next_cursor
        )

    async def ChangePassword(self, request: auth_pb2.ChangePasswordRequest, context: Context) -> auth_pb2.LogInResponse:
        """Another password, and a session in place of all that there were."""
        session = await change_password(
            self._pool,
            self._hasher,
            self._rules,
            self._sealer,
            caller(),
            proof_of(request.proof),
            request.new_password,
            client_of(request.client),
        )
        return session_to_wire(session)

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
        created = await create_api_key(self._pool, caller(), wanted, client_of(request.client))
        return auth_pb2.CreateApiKeyResponse(key=key_to_wire(created.key), secret=created.secret)

    async def ListApiKeys(self, request: auth_pb2.ListApiKeysRequest, context: Context) -> auth_pb2.ListApiKeysResponse:
        """The caller's keys."""
        keys = await list_api_keys(self._pool, caller())
        return auth_pb2.ListApiKeysResponse(keys=[key_to_wire(key) for key in keys])

    async def RevokeApiKey(
        self, request: auth_pb2.RevokeApiKeyRequest, context: Context
    ) -> auth_pb2.RevokeApiKeyResponse:
        """The end of a key of the caller's."""
        await revoke_api_key(self._pool, caller(), id_of("key_id", request.key_id), client_of(request.client))
        return auth_pb2.RevokeApiKeyResponse()

    async def _proven(self, proof: auth_pb2.Proof, client: Client) -> Proven:
        """The caller, who may change his account and has proven himself."""
        who = caller()
        who.require("me:write")
        return await prove(self._pool, self._hasher, self._rules, self._sealer, who, proof_of(proof), client)
