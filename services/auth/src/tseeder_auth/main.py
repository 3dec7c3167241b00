"""The only wiring of the auth service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tseeder.auth.v1 import auth_pb2_grpc, feed_pb2_grpc, oidc_pb2_grpc, registration_pb2, registration_pb2_grpc
from tseeder_auth.adapters.argon2_pool import Argon2Pool
from tseeder_auth.adapters.bounded_http import open_http
from tseeder_auth.adapters.identity_key import KeyFileError, RotatingSigner, Signer
from tseeder_auth.adapters.mail_templates import Letters
from tseeder_auth.adapters.oidc import Provider
from tseeder_auth.adapters.smtp import Post
from tseeder_auth.adapters.turnstile import open_turnstile
from tseeder_auth.api.accounts import AccountsServicer
from tseeder_auth.api.feed import FeedServicer, with_readers
from tseeder_auth.api.me import MeServicer
from tseeder_auth.api.oidc import OidcServicer
from tseeder_auth.api.registration import RegistrationServicer
from tseeder_auth.api.sessions import SessionsServicer
from tseeder_auth.domain.human_check import HumanCheck, NoHumanCheck
from tseeder_auth.domain.passwords import MAX_CHARS, MIN_CHARS
from tseeder_auth.settings import Settings
from tseeder_auth.usecases.deliver_mails import Office
from tseeder_auth.usecases.open_sealer import open_sealer
from tseeder_auth.workers.relay import feed_lag, relay
from tseeder_auth.workers.send_mails import send_mails
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
    "Registration": (
        "GetConfig",
        "Register",
        "VerifyEmail",
        "ResendVerification",
        "RequestPasswordReset",
        "ConfirmPasswordReset",
    ),
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
    rules, registration_rules = settings.login_rules(), settings.registration_rules()
    office = mail_office(settings)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), application_name="tseeder-auth")
        )
        bus = await stack.enter_async_context(connect(settings.nats_url.get_secret_value(), name="auth"))
        hasher = stack.enter_context(Argon2Pool(settings.password_hash_workers, settings.password_hash_places))
        sealer = await open_sealer(pool, settings.crypto_keys, generate=settings.crypto_generate)
        http = await stack.enter_async_context(open_http(settings.oidc_seconds))
        providers = {each.name: Provider(each, http) for each in settings.oidc_providers}
        oidc = OidcServicer(pool, providers, sealer, rules, registration_rules)
        sessions = SessionsServicer(pool, hasher, signer, sealer, rules)
        me = MeServicer(pool, hasher, sealer, rules, totp_issuer=settings.totp_issuer)
        check = await _human_check(stack, settings)
        registration = RegistrationServicer(pool, hasher, sealer, registration_rules, check, public_config(settings))
        servicers = (
            partial(registration_pb2_grpc.add_RegistrationServicer_to_server, registration),
            partial(auth_pb2_grpc.add_SessionsServicer_to_server, sessions),
            partial(oidc_pb2_grpc.add_OidcServicer_to_server, oidc),
            partial(auth_pb2_grpc.add_MeServicer_to_server, me),
            partial(auth_pb2_grpc.add_AccountsServicer_to_server, AccountsServicer(pool, hasher)),
            partial(feed_pb2_grpc.add_FeedServicer_to_server, FeedServicer(pool)),
        )
        await stack.enter_async_context(
            supervise(
                partial(relay, pool, bus, settings.feed_readers(), settings.relay_seconds),
                partial(feed_lag, pool),
                partial(sweep, pool, rules, registration_rules, settings.sweep_seconds),
                partial(send_mails, pool, office, settings.mail_seconds),
            )
        )
        rpc = await stack.enter_async_context(
            serve(
                settings.host,
                settings.rpc_port,
                servicers,
                authenticate=with_readers(user_authenticator(verifier), settings.feed_tokens()),
                public_methods=PUBLIC_METHODS,
            )
        )
        # After the gRPC server: ready means that it can be called.
        ops = await stack.enter_async_context(
            OpsServer(settings.host, settings.ops_port, {"postgres": partial(ping, pool)})
        )
        yield App(rpc, ops)


async def _human_check(stack: AsyncExitStack, settings: Settings) -> HumanCheck:
    site = settings.turnstile_site()
    return NoHumanCheck() if site is None else await stack.enter_async_context(open_turnstile(site))


def mail_office(settings: Settings) -> Office:
    """What mails are written and sent with; raises SettingsError."""
    server = settings.mail_server()
    try:
        post = None if server is None else Post(server)
    except OSError as exc:
        raise SettingsError(f"SMTP_CA_FILE names a file that cannot be used: {exc.strerror}") from None
    return Office(Letters(settings.public_url or "", settings.app_url or ""), post, settings.mail_retries())


def public_config(settings: Settings) -> registration_pb2.GetConfigResponse:
    """What anybody may know of the settings."""
    return registration_pb2.GetConfigResponse(
        registration_open=settings.registration_open,
        human_check=settings.human_check,
        human_check_site_key=settings.turnstile_site_key or "",
        terms_version=settings.terms_version,
        terms_url=settings.terms_url or "",
        oidc_providers=[
            registration_pb2.OidcProvider(name=each.name, title=each.title) for each in settings.oidc_providers
        ],
        password_min_chars=MIN_CHARS,
        password_max_chars=MAX_CHARS,
    )


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
