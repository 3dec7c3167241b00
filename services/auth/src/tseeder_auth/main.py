"""The only wiring of the auth service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tseeder.auth.v1 import auth_pb2_grpc, oidc_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.bounded_http import open_http
from tseeder_auth.adapters.identity_key import KeyFileError, RotatingSigner, Signer
from tseeder_auth.adapters.oidc import Provider
from tseeder_auth.api.accounts import AccountsServicer
from tseeder_auth.api.me import MeServicer
from tseeder_auth.api.oidc import OidcServicer
from tseeder_auth.api.sessions import SessionsServicer
from tseeder_auth.settings import Settings
from tseeder_auth.workers.relay import feed_lag, relay
from tseeder_auth.workers.sweep import sweep
from tseeder_bus import connect
from tseeder_kit.lifecycle import supervise
from tseeder_kit.settings import SettingsError
from tseeder_kit.telemetry import OpsServer
from tseeder_pg import open_pool, ping
from tseeder_rpc import PublicKeys, RpcServer, Verifier, serve, user_authenticator

_PUBLIC: Final = {
    "Sessions": ("Bootstrap", "LogIn", "LogOut", "Exchange"),
    "Oidc": ("StartOidc", "FinishOidc", "AnswerChallenge"),
}
PUBLIC_METHODS: Final = frozenset(
    f"/tseeder.auth.v1.{service}/{method}" for service, methods in _PUBLIC.items() for method in methods
)


@dataclass(frozen=True, slots=True)
class App:
    """The running service."""

    rpc: RpcServer
    ops: OpsServer

    @property
    def rpc_port(self) -> int:
        """Port of the gRPC server."""
        return self.rpc.port

    @property
    def ops_port(self) -> int:
        """Port of metrics and health."""
        return self.ops.port


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[App]:
    """The service, serving while inside. Raises SettingsError for key files that are missing or do not belong together.

    It starts without Postgres and NATS, is ready once Postgres answers, and needs NATS only for speed.
    """
    signer, verifier = load_keys(settings)
    rules = settings.login_rules()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), application_name="tseeder-auth")
        )
        bus = await stack.enter_async_context(connect(settings.nats_url.get_secret_value(), name="auth"))
        hasher = stack.enter_context(Argon2Pool(settings.password_hash_workers, settings.password_hash_places))
        http = await stack.enter_async_context(open_http(settings.oidc_seconds))
        providers = {each.name: Provider(each, http) for each in settings.oidc_providers}
        oidc = OidcServicer(pool, providers, rules, registration_open=settings.registration_open)
        sessions = SessionsServicer(pool, hasher, signer, rules)
        servicers = (
            partial(auth_pb2_grpc.add_SessionsServicer_to_server, sessions),
            partial(oidc_pb2_grpc.add_OidcServicer_to_server, oidc),
            partial(auth_pb2_grpc.add_MeServicer_to_server, MeServicer(pool)),
            partial(auth_pb2_grpc.add_AccountsServicer_to_server, AccountsServicer(pool, hasher)),
        )
        await stack.enter_async_context(
            supervise(
                partial(relay, pool, bus, settings.relay_seconds),
                partial(feed_lag, pool),
                partial(sweep, pool, rules, settings.sweep_seconds),
            )
        )
        rpc = await stack.enter_async_context(
            serve(
                settings.host,
                settings.rpc_port,
                servicers,
                authenticate=user_authenticator(verifier),
                public_methods=PUBLIC_METHODS,
            )
        )
        # After the gRPC server: ready means that it can be called.
        ops = await stack.enter_async_context(
            OpsServer(settings.host, settings.ops_port, {"postgres": partial(ping, pool)})
        )
        yield App(rpc, ops)


def load_keys(settings: Settings) -> tuple[Signer, Verifier]:
    """The signer and a verifier that takes what it signs, both of which follow their files; raises SettingsError."""
    try:
        keys = PublicKeys(settings.identity_public_keys)
    except ValueError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS: {exc}") from None
    except OSError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS names a file that cannot be read: {exc.strerror}") from None
    try:
        signer = RotatingSigner(settings.identity_private_key, keys)
    except KeyFileError as exc:
        raise SettingsError(f"IDENTITY_PRIVATE_KEY: {exc}") from None
    if keys.find(signer.kid) is None:
        raise SettingsError("IDENTITY_PUBLIC_KEYS does not hold the public half of IDENTITY_PRIVATE_KEY")
    return signer, Verifier(keys)
