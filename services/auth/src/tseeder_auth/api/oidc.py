"""tseeder.auth.v1.Oidc: signing in through a provider; called without an identity."""

# ruff: noqa: N802
# The methods are named by the proto.

from functools import partial

from tseeder.auth.v1 import auth_pb2, oidc_pb2, oidc_pb2_grpc
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.api.wire import Context, client_of, session_to_wire
from tseeder_auth.domain.accounts import LoginRules
from tseeder_auth.domain.registration import RegistrationRules
from tseeder_auth.usecases.challenge_sign_in import SecondFactor, answer_challenge
from tseeder_auth.usecases.check_factor import admit_code, take_code
from tseeder_auth.usecases.finish_oidc import OidcAnswer, finish_oidc
from tseeder_auth.usecases.start_oidc import Providers, start_oidc
from tseeder_pg import Pool


class OidcServicer(oidc_pb2_grpc.OidcServicer):
    """StartOidc, FinishOidc, AnswerChallenge."""

    def __init__(
        self, pool: Pool, providers: Providers, sealer: Sealer, rules: LoginRules, registration: RegistrationRules
    ) -> None:
        self._pool = pool
        self._providers = providers
        self._rules = rules
        self._factor = SecondFactor(partial(admit_code, pool, rules), partial(take_code, rules=rules, sealer=sealer))
        self._registration = registration

    async def StartOidc(self, request: oidc_pb2.StartOidcRequest, context: Context) -> oidc_pb2.StartOidcResponse:
        """The way to a provider."""
        started = await start_oidc(
            self._pool,
            self._providers,
            request.provider,
            request.redirect_uri,
            request.return_to,
            request.accepted_terms_version,
        )
        return oidc_pb2.StartOidcResponse(
            authorization_url=started.authorization_url, browser_secret=started.browser_secret
        )

    async def FinishOidc(self, request: oidc_pb2.FinishOidcRequest, context: Context) -> oidc_pb2.FinishOidcResponse:
        """The way back."""
        answer = OidcAnswer(
            request.provider,
            request.state,
            request.code,
            request.error,
            request.issuer,
            request.browser_secret,
            client_of(request.client),
        )
        finished = await finish_oidc(self._pool, self._providers, self._rules, answer, self._registration)
        if isinstance(finished.outcome, str):
            return oidc_pb2.FinishOidcResponse(challenge=finished.outcome, return_to=finished.return_to)
        return oidc_pb2.FinishOidcResponse(session=session_to_wire(finished.outcome), return_to=finished.return_to)

    async def AnswerChallenge(
        self, request: oidc_pb2.AnswerChallengeRequest, context: Context
    ) -> auth_pb2.LogInResponse:
        """The second factor of a sign-in that waits for it."""
        client = client_of(request.client)
        session = await answer_challenge(self._pool, self._rules, self._factor, request.challenge, request.code, client)
        return session_to_wire(session)
