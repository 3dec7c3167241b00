"""The only wiring of the jobs service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tseeder.jobs.v1 import (
    agents_pb2_grpc,
    feed_pb2_grpc,
    grants_pb2_grpc,
    jobs_pb2_grpc,
    links_pb2_grpc,
    operators_pb2_grpc,
)
from tseeder_bus import connect
from tseeder_jobs.adapters.accounts import Accounts
from tseeder_jobs.adapters.agent_reads import open_agent_reads
from tseeder_jobs.adapters.billing import Billing
from tseeder_jobs.adapters.crypto import Keyring
from tseeder_jobs.adapters.ffprobe import Prober
from tseeder_jobs.adapters.parser import ParserPool
from tseeder_jobs.adapters.s3 import Endpoint, Storage, open_storage
from tseeder_jobs.adapters.scrypt import Scrypt
from tseeder_jobs.api import agents as agents_api
from tseeder_jobs.api import grants as grants_api
from tseeder_jobs.api import links as links_api
from tseeder_jobs.api.agents import AgentsServicer
from tseeder_jobs.api.feed import FeedServicer
from tseeder_jobs.api.grants import GrantsServicer
from tseeder_jobs.api.jobs import JobsServicer
from tseeder_jobs.api.links import LinksServicer
from tseeder_jobs.api.operators import OperatorsServicer
from tseeder_jobs.settings import Settings
from tseeder_jobs.usecases.authenticate_agent import authenticate_agent
from tseeder_jobs.usecases.context import Context, Media
from tseeder_jobs.usecases.open_keyring import open_keyring
from tseeder_jobs.workers.follow_accounts import followers
from tseeder_jobs.workers.reaper import reaper
from tseeder_jobs.workers.relay import relay
from tseeder_jobs.workers.sweeps import sweeps
from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.lifecycle import supervise
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import Worker, pauses
from tseeder_kit.settings import SettingsError
from tseeder_kit.telemetry import OpsServer
from tseeder_pg import Pool, feed, open_pool, ping
from tseeder_rpc import (
    Authenticator,
    PublicKeys,
    RpcServer,
    Servicer,
    Verifier,
    bearer,
    open_channel,
    serve,
    user_authenticator,
)

POOL_SIZE: Final = 20
_log = get_logger(__name__)


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
    """The service, serving while inside. Raises SettingsError for keys that are missing or wrong.

    It waits for Postgres before it serves, since it must compare its keys with the rows, and is ready while Postgres
    answers. NATS it needs for speed only, object storage for stored bytes only (metric `jobs_storage_up`).
    """
    verifier = _verifier(settings)
    serving = asyncio.Event()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.database_url.get_secret_value(), application_name="tseeder-jobs", max_size=POOL_SIZE)
        )
        # First, so that the process is seen to live while it waits for Postgres.
        ops = await stack.enter_async_context(
            OpsServer(
                settings.host, settings.ops_port, {"postgres": partial(ping, pool), "start": partial(_started, serving)}
            )
        )
        keyring = await _prepare(pool, settings)
        ctx, poked = await _context(stack, settings, pool, keyring)
        workers: list[Worker] = [partial(relay, ctx, poked), partial(reaper, ctx), *sweeps(ctx)]
        await stack.enter_async_context(supervise(*workers, *await _followers(stack, ctx)))
        rpc = await stack.enter_async_context(
            serve(
                settings.host,
                settings.rpc_port,
                _servicers(ctx),
                authenticate=_authenticator(ctx, verifier),
                public_methods=agents_api.PUBLIC_METHODS | links_api.PUBLIC_METHODS | grants_api.PUBLIC_METHODS,
            )
        )
        serving.set()
        yield App(rpc, ops)


async def _context(
    stack: AsyncExitStack, settings: Settings, pool: Pool, keyring: Keyring
) -> tuple[Context, asyncio.Event]:
    """What use cases work with, and the event by which they poke the relay."""
    bus = await stack.enter_async_context(connect(settings.nats_url.get_secret_value(), name="jobs"))
    channel = await stack.enter_async_context(open_channel(settings.billing_target))
    storage = await stack.enter_async_context(_storage(settings))
    parser = await stack.enter_async_context(
        ParserPool(
            size=settings.parser_processes,
            seconds=settings.parse_seconds,
            memory_bytes=settings.parse_memory_bytes,
            admit_private=settings.admit_private_hosts,
        )
    )
    poked = asyncio.Event()
    media = None
    prober = Prober(settings.ffprobe.absolute()) if settings.ffprobe is not None else None
    if prober is not None and await prober.prove():
        media = Media(prober, await stack.enter_async_context(open_agent_reads()))
    ctx = Context(
        settings=settings,
        pool=pool,
        bus=bus,
        keyring=keyring,
        parser=parser,
        storage=storage,
        billing=Billing(channel, cache_seconds=settings.entitlements_cache_seconds),
        passwords=stack.enter_context(Scrypt()),
        poke_relay=poked.set,
        media=media,
    )
    return ctx, poked


async def _followers(stack: AsyncExitStack, ctx: Context) -> list[Worker]:
    """Of auth's feed, where there is one."""
    settings = ctx.settings
    if settings.auth_target is None or settings.auth_feed_token is None:
        _log.warning("accounts_not_followed")
        return []
    channel = await stack.enter_async_context(open_channel(settings.auth_target))
    return followers(ctx, Accounts(channel, settings.auth_feed_token))


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[Storage]:
    endpoint = Endpoint(
        url=settings.s3_endpoint,
        region=settings.s3_region,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        public_url=settings.s3_public_endpoint,
        agent_url=settings.s3_agent_endpoint,
    )
    async with open_storage(endpoint, read_timeout=settings.s3_timeout_seconds) as storage:
        yield storage


async def _prepare(pool: Pool, settings: Settings) -> Keyring:
    """The keys, proven to be those of the rows, and the readers of the feed; waits for Postgres."""
    next_pause = pauses(longest=2.0)
    while True:
        try:
            keyring = await open_keyring(pool, settings.crypto_keys, generate=settings.crypto_generate)
            await feed.register_readers(pool, settings.feed_readers)
        except AppError as exc:
            if not exc.retryable:
                raise
            _log.warning("start_waits", code=exc.code)
            await asyncio.sleep(next_pause())
        else:
            return keyring


async def _started(serving: asyncio.Event) -> None:
    if not serving.is_set():
        raise unavailable("starting", "The service is starting.")


def _servicers(ctx: Context) -> tuple[Servicer, ...]:
    return (
        partial(jobs_pb2_grpc.add_JobsServicer_to_server, JobsServicer(ctx)),
        partial(grants_pb2_grpc.add_GrantsServicer_to_server, GrantsServicer(ctx)),
        partial(links_pb2_grpc.add_LinksServicer_to_server, LinksServicer(ctx)),
        partial(agents_pb2_grpc.add_AgentsServicer_to_server, AgentsServicer(ctx)),
        partial(operators_pb2_grpc.add_OperatorsServicer_to_server, OperatorsServicer(ctx)),
        partial(feed_pb2_grpc.add_FeedServicer_to_server, FeedServicer(ctx)),
    )


def _authenticator(ctx: Context, verifier: Verifier) -> Authenticator:
    """Agents by the credential of their boot, for agents' calls only; everybody else by the identity token."""
    users = user_authenticator(verifier)

    async def authenticate(method: str, metadata: Mapping[str, str]) -> object | None:
        if not method.startswith(agents_api.SERVICE):
            return await users(method, metadata)
        credential = bearer(metadata)
        return None if credential is None else await authenticate_agent(ctx, credential)

    return authenticate


def _verifier(settings: Settings) -> Verifier:
    try:
        return Verifier(PublicKeys(settings.identity_public_keys))
    except ValueError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS: {exc}") from None
    except OSError as exc:
        raise SettingsError(f"IDENTITY_PUBLIC_KEYS cannot be read: {exc.strerror}") from None
