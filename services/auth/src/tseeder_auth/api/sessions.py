"""tseeder.auth.v1.Sessions: calls that need no identity, since they make one."""

# ruff: noqa: N802
# The methods are named by the proto.

from tseeder.auth.v1 import auth_pb2, auth_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.identity_key import Signer
from tseeder_auth.adapters.sealing import Sealer
from tseeder_auth.api.wire import Context, session_to_wire, timestamp, user_to_wire
from tseeder_auth.domain.accounts import Client, LoginRules
from tseeder_auth.usecases.exchange_credential import exchange_api_key, exchange_session
from tseeder_auth.usecases.log_in import LoginRequest, log_in
from tseeder_auth.usecases.log_out import log_out
from tseeder_auth.usecases.redeem_bootstrap_token import redeem_bootstrap_token
from tseeder_kit.errors import unauthenticated
from tseeder_pg import Pool


class SessionsServicer(auth_pb2_grpc.SessionsServicer):
    """Bootstrap, LogIn, LogOut, Exchange."""

    def __init__(self, pool: Pool, hasher: Argon2Pool, signer: Signer, sealer: Sealer, rules: LoginRules) -> None:
        self._pool = pool
        self._hasher = hasher
        self._signer = signer
        self._sealer = sealer
        self._rules = rules

    async def Bootstrap(self, request: auth_pb2.BootstrapRequest, context: Context) -> auth_pb2.User:
        """The first superadmin."""
        user = await redeem_bootstrap_token(self._pool, self._hasher, request.token, request.email, request.password)
        return user_to_wire(user)

    async def LogIn(self, request: auth_pb2.LogInRequest, context: Context) -> auth_pb2.LogInResponse:
        """A session for a password and, where there is a second factor, its code."""
        client = Client.said(request.user_agent, request.remote_address)
        wanted = LoginRequest(request.email, request.password, client, request.code)
        return session_to_wire(await log_in(self._pool, self._hasher, self._sealer, self._rules, wanted))

    async def LogOut(self, request: auth_pb2.LogOutRequest, context: Context) -> auth_pb2.LogOutResponse:
        """The session's end."""
        await log_out(self._pool, request.session_token)
        return auth_pb2.LogOutResponse()

    async def Exchange(self, request: auth_pb2.ExchangeRequest, context: Context) -> auth_pb2.ExchangeResponse:
        """An identity token for a session or an API key."""
        match request.WhichOneof("credential"):
            case "session_token":
                identity = await exchange_session(self._pool, self._signer, self._rules, request.session_token)
            case "api_key":
                identity = await exchange_api_key(self._pool, self._signer, self._rules, request.api_key)
            case _:
                raise unauthenticated("credential_missing", "A session or an API key is needed.")
        return auth_pb2.ExchangeResponse(
            identity_token=identity.token.text,
            expires_at=timestamp(identity.token.expires_at),
            user=user_to_wire(identity.user),
            scopes=identity.scopes,
            csrf_token=identity.csrf_token,
            second_factor_required=identity.second_factor_required,
        )
