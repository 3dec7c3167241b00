"""auth: credentials for identities, sessions, and what a user does with his own keys."""

from __future__ import annotations

from datetime import UTC, datetime

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder.auth.v1.auth_pb2_grpc import MeStub, SessionsStub
from tseeder_gateway.domain.access import Access
from tseeder_gateway.domain.credentials import Credential
from tseeder_rpc import Caller, use_identity


class Auth:
    """Every method raises AppError as auth meant it, UNAVAILABLE or DEADLINE if it does not answer."""

    def __init__(self, caller: Caller, *, seconds: float) -> None:
        self._sessions = SessionsStub(caller.channel)
        self._me = MeStub(caller.channel)
        self._seconds = seconds

    async def exchange(self, credential: Credential) -> Access:
        """The access that a credential gives now. UNAUTHENTICATED for one that is not, or no longer, good."""
        request = (
            pb.ExchangeRequest(session_token=credential.secret)
            if credential.kind == "session"
            else pb.ExchangeRequest(api_key=credential.secret)
        )
        answer = await self._sessions.Exchange(request, timeout=self._seconds)
        return Access(
            user_id=answer.user.user_id,
            scopes=frozenset(answer.scopes),
            identity=answer.identity_token,
            expires_at=answer.expires_at.ToDatetime(tzinfo=UTC),
            csrf_token=answer.csrf_token,
            credential=credential,
            second_factor_required=answer.second_factor_required,
        )

    async def bootstrap(self, token: str, email: str, password: str) -> pb.User:
        """Makes the first superadmin."""
        request = pb.BootstrapRequest(token=token, email=email, password=password)
        return await self._sessions.Bootstrap(request, timeout=self._seconds)

    async def log_in(self, email: str, password: str, code: str, client: pb.Client) -> pb.LogInResponse:
        """Starts a session; `code` is the second factor's, "" without one."""
        request = pb.LogInRequest(
            email=email,
            password=password,
            code=code,
            user_agent=client.user_agent,
            remote_address=client.remote_address,
        )
        return await self._sessions.LogIn(request, timeout=self._seconds)

    async def log_out(self, session_token: str) -> None:
        """Ends a session for good."""
        await self._sessions.LogOut(pb.LogOutRequest(session_token=session_token), timeout=self._seconds)

    async def get_me(self, identity: str) -> pb.User:
        """The user as he is now."""
        with use_identity(identity):
            return await self._me.GetMe(pb.GetMeRequest(), timeout=self._seconds)

    async def delete_me(self, identity: str, proof: pb.Proof, client: pb.Client) -> None:
        """Ends the user's account for good."""
        with use_identity(identity):
            await self._me.DeleteMe(pb.DeleteMeRequest(proof=proof, client=client), timeout=self._seconds)

    async def change_password(
        self, identity: str, *, password: str, code: str, new_password: str, client: pb.Client
    ) -> pb.LogInResponse:
        """Another password, and a session in place of all that there were."""
        proof = pb.Proof(password=password, code=code)
        request = pb.ChangePasswordRequest(proof=proof, new_password=new_password, client=client)
        with use_identity(identity):
            return await self._me.ChangePassword(request, timeout=self._seconds)

    async def create_api_key(
        self,
        identity: str,
        *,
        name: str,
        scopes: list[str],
        expires_at: datetime | None,
        idempotency_key: str,
        client: pb.Client,
    ) -> pb.CreateApiKeyResponse:
        """A new key; its secret is in this answer only."""
        request = pb.CreateApiKeyRequest(name=name, scopes=scopes, idempotency_key=idempotency_key, client=client)
        if expires_at is not None:
            request.expires_at.FromDatetime(expires_at)
        with use_identity(identity):
            return await self._me.CreateApiKey(request, timeout=self._seconds)

    async def list_api_keys(self, identity: str) -> list[pb.ApiKey]:
        """The user's keys, without secrets."""
        with use_identity(identity):
            answer = await self._me.ListApiKeys(pb.ListApiKeysRequest(), timeout=self._seconds)
        return list(answer.keys)

    async def revoke_api_key(self, identity: str, key_id: str, client: pb.Client) -> None:
        """Ends a key."""
        with use_identity(identity):
            await self._me.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key_id, client=client), timeout=self._seconds)

    async def set_my_name(self, identity: str, name: str) -> pb.User:
        """The user under another name; "" takes it away."""
        with use_identity(identity):
            return await self._me.UpdateMe(pb.UpdateMeRequest(name=name), timeout=self._seconds)

    async def list_sessions(self, identity: str) -> list[pb.Session]:
        """The user's sessions."""
        with use_identity(identity):
            answer = await self._me.ListSessions(pb.ListSessionsRequest(), timeout=self._seconds)
        return list(answer.sessions)

    async def end_session(self, identity: str, session_id: str, client: pb.Client) -> None:
        """Ends one of them."""
        request = pb.RevokeSessionRequest(session_id=session_id, client=client)
        with use_identity(identity):
            await self._me.RevokeSession(request, timeout=self._seconds)

    async def end_other_sessions(self, identity: str, client: pb.Client) -> int:
        """Ends all but the one that asks; gives how many."""
        request = pb.RevokeOtherSessionsRequest(client=client)
        with use_identity(identity):
            return (await self._me.RevokeOtherSessions(request, timeout=self._seconds)).ended

    async def start_totp(self, identity: str, proof: pb.Proof, client: pb.Client) -> pb.StartTotpResponse:
        """Begins an enrolment."""
        with use_identity(identity):
            return await self._me.StartTotp(pb.StartTotpRequest(proof=proof, client=client), timeout=self._seconds)

    async def confirm_totp(self, identity: str, code: str, client: pb.Client) -> pb.ConfirmTotpResponse:
        """Ends it well: with recovery codes, and the session under a new secret."""
        with use_identity(identity):
            return await self._me.ConfirmTotp(pb.ConfirmTotpRequest(code=code, client=client), timeout=self._seconds)

    async def disable_totp(self, identity: str, proof: pb.Proof, client: pb.Client) -> None:
        """Takes the second factor away."""
        with use_identity(identity):
            await self._me.DisableTotp(pb.DisableTotpRequest(proof=proof, client=client), timeout=self._seconds)

    async def replace_recovery_codes(self, identity: str, proof: pb.Proof, client: pb.Client) -> list[str]:
        """New ones, in this answer only."""
        request = pb.ReplaceRecoveryCodesRequest(proof=proof, client=client)
        with use_identity(identity):
            return list((await self._me.ReplaceRecoveryCodes(request, timeout=self._seconds)).recovery_codes)

    async def list_my_security_events(self, identity: str, *, cursor: str, limit: int) -> pb.ListSecurityEventsResponse:
        """What happened to the user's account."""
        request = pb.ListMySecurityEventsRequest(cursor=cursor, limit=limit)
        with use_identity(identity):
            return await self._me.ListSecurityEvents(request, timeout=self._seconds)
