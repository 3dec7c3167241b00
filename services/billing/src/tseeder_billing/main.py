"""The only wiring of the billing service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tseeder.billing.v1 import billing_pb2_grpc
from tseeder_billing.adapters.accounts import Accounts
from tseeder_billing.api.plans import PlansServicer
from tseeder_billing.settings import Settings
from tseeder_billing.workers.sweep import sweep
from tseeder_kit.lifecycle import supervise
from tseeder_kit.settings import SettingsError
from tseeder_kit.telemetry import OpsServer
from tseeder_pg import open_pool, ping
from tseeder_rpc import PublicKeys, RpcServer, Verifier, open_channel, serve, user_authenticator

PUBLIC_METHODS: Final = frozenset({"/tseeder.billing.v1.Plans/ListPlans", "/tseeder.billing.v1.Plans/ListRetention"})


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
    """The service, serving while inside. Raises SettingsError for a key file that cannot be used.

    It starts without Postgres, and is ready once Postgres answers.
    """
    verifier = load_verifier(settings)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), application_name="tseeder-billing")
        )
        if settings.auth_target is not None and settings.auth_feed_token is not None:
            auth = await stack.enter_async_context(open_channel(settings.auth_target))
            accounts = Accounts(auth, settings.auth_feed_token)
            await stack.enter_async_context(supervise(partial(sweep, pool, accounts, settings.sweep_seconds)))
        rpc = await stack.enter_async_context(
            serve(
                settings.host,
                settings.rpc_port,
                [partial(billing_pb2_grpc.add_PlansServicer_to_server, PlansServicer(pool))],
                authenticate=user_authenticator(verifier),
                public_methods=PUBLIC_METHODS,
            )
        )
        # After the gRPC server: ready means that it can be called.
        ops = await stack.enter_async_context(
            OpsServer(settings.host, settings.ops_port, {"postgres": partial(ping, pool)})
        )
        yield App(rpc, ops)


def load_verifier(settings: Settings) -> Verifier:
    """What verifies identity tokens; raises SettingsError."""
    try:
        return Verifier(PublicKeys(settings.identity_public_keys))
    except OSError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS names a file that cannot be read: {exc.strerror}") from None
    except ValueError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS: {exc}") from None
