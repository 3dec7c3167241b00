"""The only wiring of the admin service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from tseeder.admin.v1 import admin_pb2_grpc
from tseeder_admin.adapters.auth import AuthAccounts
from tseeder_admin.adapters.jobs import JobsOperators
from tseeder_admin.api.operations import OperationsServicer
from tseeder_admin.settings import Settings
from tseeder_admin.usecases.carry_out import Acts
from tseeder_admin.workers.sweep import sweep
from tseeder_kit.lifecycle import supervise
from tseeder_kit.settings import SettingsError
from tseeder_kit.telemetry import OpsServer
from tseeder_pg import open_pool, ping
from tseeder_rpc import PublicKeys, RpcServer, Verifier, open_channel, serve, user_authenticator


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

    It starts without Postgres, auth and jobs, and is ready once Postgres answers.
    """
    verifier = load_verifier(settings)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), application_name="tseeder-admin")
        )
        auth = await stack.enter_async_context(open_channel(settings.auth_target))
        jobs = await stack.enter_async_context(open_channel(settings.jobs_target))
        acts = await stack.enter_async_context(Acts(pool))
        await stack.enter_async_context(
            supervise(partial(sweep, pool, timedelta(seconds=settings.settle_seconds), settings.sweep_seconds))
        )
        servicer = OperationsServicer(
            pool, acts, AuthAccounts(auth, settings.effect_seconds), JobsOperators(jobs, settings.effect_seconds)
        )
        rpc = await stack.enter_async_context(
            serve(
                settings.host,
                settings.rpc_port,
                [partial(admin_pb2_grpc.add_OperationsServicer_to_server, servicer)],
                authenticate=user_authenticator(verifier),
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
