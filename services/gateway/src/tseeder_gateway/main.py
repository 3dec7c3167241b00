"""The only wiring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tseeder_bus import connect
from tseeder_gateway.adapters.admin import Admin
from tseeder_gateway.adapters.agent_reader import open_agent_reader
from tseeder_gateway.adapters.auth import Auth
from tseeder_gateway.adapters.billing import Billing
from tseeder_gateway.adapters.grants import Grants
from tseeder_gateway.adapters.job_topics import JobTopics
from tseeder_gateway.adapters.jobs import Jobs
from tseeder_gateway.adapters.links import Links
from tseeder_gateway.adapters.object_reader import open_reader
from tseeder_gateway.adapters.oidc import Oidc
from tseeder_gateway.adapters.open_files import room_for
from tseeder_gateway.adapters.registration import Registration
from tseeder_gateway.adapters.subtitles import Subtitles
from tseeder_gateway.api.app import create_app
from tseeder_gateway.api.parts import Parts
from tseeder_gateway.api.server import serving
from tseeder_gateway.domain.connection_limit import ConnectionLimit
from tseeder_gateway.domain.memory_budget import ARCHIVES, SUBTITLES, MemoryBudget
from tseeder_gateway.domain.rate_limit import RateLimit
from tseeder_gateway.domain.recent import Recent
from tseeder_gateway.settings import Settings
from tseeder_gateway.usecases.authenticate import Authenticate
from tseeder_gateway.usecases.open_archive import Archives
from tseeder_gateway.usecases.open_content import Patience, Readers
from tseeder_gateway.usecases.read_subtitles import Converted
from tseeder_gateway.usecases.stream_slots import StreamSlots
from tseeder_kit.errors import unavailable
from tseeder_kit.telemetry import Check, OpsServer
from tseeder_rpc import Caller, open_channel

BEYOND_AGENT_SECONDS: Final = 5.0
"""An agent that says that pieces are late says more than a time-out."""
WARM_UPS_PER_USER: Final = 4
"""Each holds two of an agent's readers."""
SUBTITLE_BYTES: Final = 64 << 20
"""Of files that are being converted, and of answers that are being sent."""
UNREADABLE_SECONDS: Final = 300.0
MOST_UNREADABLE: Final = 10_000
"""Of subtitles in which there was nothing, so many are remembered, for so long."""
OTHER_FILES: Final = 1024
"""Beside clients' connections: S3, the services, NATS, metrics."""


@dataclass(frozen=True)
class Gateway:
    """A gateway that serves."""

    http_port: int
    ops: OpsServer

    @property
    def ops_port(self) -> int:
        """Port of metrics and health."""
        return self.ops.port


class _Ops(OpsServer):
    """Tells the public port, too, that the gateway is about to stop."""

    stopping = False

    def drain(self) -> None:
        """From now on not ready, on both ports."""
        self.stopping = True
        super().drain()

    async def check(self) -> None:
        """The public port's readiness check for it."""
        if self.stopping:
            raise unavailable("shutting_down", "The gateway is about to stop.")


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway, from its settings. On leaving it is not ready any more, event streams end so that their clients go
    elsewhere, running answers may end, and then the connections to everything else are closed."""
    room_for(settings.max_connections + OTHER_FILES)
    async with AsyncExitStack() as stack:
        callers = await _connect(stack, settings)
        bus = await stack.enter_async_context(connect(settings.nats_url.get_secret_value(), name="gateway"))
        readers = await _open_readers(stack, settings)
        checks: dict[str, Check] = {name: partial(_ready, callers[name]) for name in ("auth", "jobs")}
        ops = await stack.enter_async_context(_Ops(settings.host, settings.ops_port, checks))
        auth = Auth(callers["auth"], seconds=settings.call_seconds)
        clock = asyncio.get_running_loop().time
        parts = Parts(
            settings=settings,
            auth=auth,
            registration=Registration(callers["auth"], seconds=settings.call_seconds),
            oidc=Oidc(callers["auth"], seconds=settings.call_seconds, provider_seconds=settings.provider_seconds),
            jobs=_jobs(callers["jobs"], settings),
            links=Links(callers["jobs"], seconds=settings.call_seconds),
            grants=Grants(callers["jobs"], seconds=settings.call_seconds),
            billing=Billing(callers["billing"], seconds=settings.call_seconds),
            admin=Admin(callers["admin"], seconds=settings.call_seconds),
            readers=readers,
            archives=Archives(
                MemoryBudget(settings.archive_memory_bytes, settings.archive_memory_bytes_per_caller, ARCHIVES)
            ),
            converted=Converted(
                Subtitles(),
                MemoryBudget(SUBTITLE_BYTES, SUBTITLE_BYTES // 4, SUBTITLES),
                Recent(seconds=UNREADABLE_SECONDS, most=MOST_UNREADABLE, clock=clock),
            ),
            topics=JobTopics(bus),
            authenticate=Authenticate(auth.exchange, cache_seconds=settings.identity_cache_seconds),
            callers=RateLimit(settings.rate_per_second, settings.rate_burst, clock=clock),
            strangers=RateLimit(settings.anonymous_rate_per_second, settings.anonymous_rate_burst, clock=clock),
            streams=StreamSlots(settings.events_per_user),
            warm_ups=StreamSlots(WARM_UPS_PER_USER),
            memory=MemoryBudget(settings.body_memory_bytes, settings.body_memory_bytes_per_caller),
            checks={**checks, "draining": ops.check},
        )
        async with serving(
            create_app(parts),
            settings.host,
            settings.http_port,
            head_seconds=settings.head_seconds,
            stalled_seconds=settings.stalled_reader_seconds,
            shutdown_seconds=settings.shutdown_seconds,
            connections=ConnectionLimit(
                settings.max_connections, settings.max_connections_per_address, settings.trusted_networks
            ),
        ) as port:
            try:
                yield Gateway(port, ops)
            finally:
                ops.drain()
                parts.topics.close()


def _jobs(caller: Caller, settings: Settings) -> Jobs:
    return Jobs(
        caller,
        seconds=settings.call_seconds,
        submit_seconds=settings.submit_seconds,
        archive_seconds=settings.archive_seconds,
    )


async def _open_readers(stack: AsyncExitStack, settings: Settings) -> Readers:
    wait, resume = settings.content_wait_seconds, settings.content_resume_seconds
    return Readers(
        await stack.enter_async_context(open_reader(read_seconds=settings.content_read_seconds)),
        await stack.enter_async_context(open_agent_reader(wait_seconds=wait + BEYOND_AGENT_SECONDS)),
        Patience(wait, resume),
    )


async def _connect(stack: AsyncExitStack, settings: Settings) -> dict[str, Caller]:
    targets = {
        "auth": settings.auth_target,
        "jobs": settings.jobs_target,
        "billing": settings.billing_target,
        "admin": settings.admin_target,
    }
    return {
        name: Caller(await stack.enter_async_context(open_channel(target)), service=name)
        for name, target in targets.items()
    }


async def _ready(caller: Caller) -> None:
    """Returns when there is a connection; the check that calls it has a limit of its own."""
    await caller.channel.channel_ready()
