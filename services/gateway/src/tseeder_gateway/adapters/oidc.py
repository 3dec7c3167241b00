"""auth: signing in through providers, and what is linked to one's account."""

from __future__ import annotations

from dataclasses import dataclass

from tseeder.auth.v1 import auth_pb2 as pb
from tseeder.auth.v1 import oidc_pb2
from tseeder.auth.v1.auth_pb2_grpc import MeStub
from tseeder.auth.v1.oidc_pb2_grpc import OidcStub
from tseeder_rpc import Caller, use_identity


@dataclass(frozen=True)
class Returned:
    """What a browser comes back with; "" for what it has not."""

    state: str
    code: str
    error: str
    issuer: str
    browser_secret: str


class Oidc:
    """Every method raises AppError as auth meant it, UNAVAILABLE or DEADLINE if it does not answer."""

    def __init__(self, caller: Caller, *, seconds: float, provider_seconds: float) -> None:
        self._oidc = OidcStub(caller.channel)
        self._me = MeStub(caller.channel)
        self._seconds = seconds
        self._provider_seconds = provider_seconds

    async def start(
        self, provider: str, *, redirect_uri: str, return_to: str, accepted_terms_version: str, client: pb.Client
    ) -> oidc_pb2.StartOidcResponse:
        """The way to a provider."""
        request = oidc_pb2.StartOidcRequest(
            provider=provider,
            redirect_uri=redirect_uri,
            return_to=return_to,
            accepted_terms_version=accepted_terms_version,
            client=client,
        )
        return await self._oidc.StartOidc(request, timeout=self._provider_seconds)

    async def finish(self, provider: str, returned: Returned, client: pb.Client) -> oidc_pb2.FinishOidcResponse:
        """The way back."""
        request = oidc_pb2.FinishOidcRequest(
            provider=provider,
            state=returned.state,
            code=returned.code,
            error=returned.error,
            issuer=returned.issuer,
            browser_secret=returned.browser_secret,
            client=client,
        )
        return await self._oidc.FinishOidc(request, timeout=self._provider_seconds)

    async def answer_challenge(self, challenge: str, code: str, client: pb.Client) -> pb.LogInResponse:
        """A session, by the second factor."""
        request = oidc_pb2.AnswerChallengeRequest(challenge=challenge, code=code, client=client)
        return await self._oidc.AnswerChallenge(request, timeout=self._seconds)

    async def list_identities(self, identity: str) -> list[pb.Identity]:
        """What is linked to the caller's account."""
        with use_identity(identity):
            answer = await self._me.ListIdentities(pb.ListIdentitiesRequest(), timeout=self._seconds)
        return list(answer.identities)

    async def unlink_identity(self, identity: str, provider: str, subject: str, client: pb.Client) -> None:
        """Takes a link away."""
        request = pb.UnlinkIdentityRequest(provider=provider, subject=subject, client=client)
        with use_identity(identity):
            await self._me.UnlinkIdentity(request, timeout=self._seconds)
