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
        )

    async def bootstrap(self, token: str, email: str, password: str) -> pb.User:
        """Makes the first superadmin."""
        request = pb.BootstrapRequest(token=token, email=email, password=password)
        return await self._sessions.Bootstrap(request, timeout=self._seconds)

    async def log_in(self, email: str, password: str, *, user_agent: str, remote_address: str) -> pb.LogInResponse:
        """Starts a session."""
        request = pb.LogInRequest(email=email, password=password, user_agent=user_agent, remote_address=remote_address)
        return await self._sessions.LogIn(request, timeout=self._seconds)

    async def log_out(self, session_token: str) -> None:
        """Ends a session for good."""
        await self._sessions.LogOut(pb.LogOutRequest(session_token=session_token), timeout=self._seconds)

    async def get_me(self, identity: str) -> pb.User:
        """The user as he is now."""
        with use_identity(identity):
            return await self._me.GetMe(pb.GetMeRequest(), timeout=self._seconds)

    async def change_password(
        self, identity: str, *, password: str, code: str, new_password: str, client: pb.Client
    ) -> pb.LogInResponse:
        """Another password, and a session in place of all that there were."""
        proof = pb.Proof(password=password, code=code)
        request = pb.ChangePasswordRequest(proof=proof, new_password=new_password, client=client)
        with use_identity(identity):
            return await self._me.ChangePassword(request, timeout=self._seconds)

    async def create_api_key(
        self, identity: str, *, name: str, scopes: list[str], expires_at: datetime | None, idempotency_key: str
    ) -> pb.CreateApiKeyResponse:
        """A new key; its secret is in this answer only."""
        request = pb.CreateApiKeyRequest(name=name, scopes=scopes, idempotency_key=idempotency_key)
        if expires_at is not None:
            request.expires_at.FromDatetime(expires_at)
        with use_identity(identity):
            return await self._me.CreateApiKey(request, timeout=self._seconds)

    async def list_api_keys(self, identity: str) -> list[pb.ApiKey]:
        """The user's keys, without secrets."""
        with use_identity(identity):
            answer = await self._me.ListApiKeys(pb.ListApiKeysRequest(), timeout=self._seconds)
        return list(answer.keys)

    async def revoke_api_key(self, identity: str, key_id: str) -> None:
        """Ends a key."""
        with use_identity(identity):
            await self._me.RevokeApiKey(pb.RevokeApiKeyRequest(key_id=key_id), timeout=self._seconds)
