"""The only wiring of the agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from tseeder_agent.adapters.jobs import JobsClient
from tseeder_agent.adapters.s3 import Endpoint, open_part_store
from tseeder_agent.adapters.scratch import Scratch
from tseeder_agent.adapters.scratch_reader import ScratchReader
from tseeder_agent.adapters.swarm import SwarmSettings, open_swarm
from tseeder_agent.api.doorbell import order_bell, work_bell
from tseeder_agent.api.reads import ReadServer
from tseeder_agent.settings import Settings
from tseeder_agent.usecases.context import Context
from tseeder_agent.usecases.drain_agent import drain_agent
from tseeder_agent.usecases.fleet import Fleet
from tseeder_agent.usecases.leftovers import Leftovers
from tseeder_agent.usecases.part_buffers import PartBuffers
from tseeder_agent.workers.claimer import claimer
from tseeder_agent.workers.heartbeat import heartbeat
from tseeder_agent.workers.progress import progress
from tseeder_bus import connect
from tseeder_kit.ids import uuid7
from tseeder_kit.lifecycle import supervise
from tseeder_kit.settings import SettingsError
from tseeder_kit.telemetry import OpsServer
from tseeder_rpc import open_channel


@dataclass(frozen=True, slots=True)
class App:
    """The running agent."""

    ops: OpsServer
    fleet: Fleet

    @property
    def ops_port(self) -> int:
        """Port of metrics and health."""
        return self.ops.port


@asynccontextmanager
async def build(settings: Settings) -> AsyncIterator[App]:
    """The agent, working while inside; leaving drains it. CONFLICT `scratch_in_use` if another process has its folder.

    It starts without jobs, NATS and S3, and is ready once it has joined.
    """
    fleet = Fleet(settings.transfers)
    async with AsyncExitStack() as stack:
        # First, so that the process is seen to live while it waits for jobs.
        ops = await stack.enter_async_context(OpsServer(settings.host, settings.ops_port, {"jobs": fleet.check}))
        ctx = await _context(stack, settings, fleet)
        reads = await stack.enter_async_context(ReadServer(ctx))
        fleet.read_url = reads.url
        # In this order: leases are renewed until the last transfer has given its own back.
        await stack.enter_async_context(supervise(partial(heartbeat, ctx)))
        stack.push_async_callback(drain_agent, ctx)
        await stack.enter_async_context(
            supervise(
                partial(claimer, ctx),
                partial(progress, ctx),
                partial(work_bell, ctx.bus, fleet.ring),
                partial(order_bell, ctx.bus, settings.agent_id, fleet.beat_now),
            )
        )
        yield App(ops, fleet)


async def _context(stack: AsyncExitStack, settings: Settings, fleet: Fleet) -> Context:
    try:
        scratch = await asyncio.to_thread(Scratch.open, settings.scratch_dir, settings.scratch_bytes)
    except OSError as exc:
        raise SettingsError(f"SCRATCH_DIR cannot be made or written: {exc.strerror}") from None
    stack.callback(scratch.close)
    nats_url = settings.nats_url.get_secret_value()
    bus = await stack.enter_async_context(connect(nats_url, name=f"agent-{settings.agent_id}"))
    channel = await stack.enter_async_context(open_channel(settings.jobs_target))
    store = await stack.enter_async_context(
        open_part_store(_endpoint(settings), slots=settings.s3_slots, timeout=settings.s3_timeout_seconds)
    )
    swarm = await stack.enter_async_context(open_swarm(_swarm(settings)))
    reader = ScratchReader(settings.reader_threads)
    stack.callback(reader.close)
    jobs = JobsClient(
        channel,
        agent_id=settings.agent_id,
        boot_id=str(uuid7()),
        join_secret=settings.join_secret.get_secret_value(),
        call_seconds=settings.call_seconds,
    )
    return Context(
        settings=settings,
        jobs=jobs,
        bus=bus,
        swarm=swarm,
        store=store,
        scratch=scratch,
        reader=reader,
        buffers=PartBuffers(settings.buffer_bytes),
        leftovers=Leftovers(scratch),
        fleet=fleet,
    )


def _endpoint(settings: Settings) -> Endpoint | None:
    """None: this agent holds no key, and writes where jobs presigned it."""
    if settings.s3_endpoint is None or settings.s3_access_key is None:
        return None
    return Endpoint(
        url=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        sign_payload=settings.s3_sign_payload,
    )


def _swarm(settings: Settings) -> SwarmSettings:
    return SwarmSettings(
        # Bound to a device, it listens there and nowhere else: announces go out by the sockets that it listens on.
        listen_interfaces=",".join(
            f"{host}:{settings.swarm_port}" for host in settings.outgoing_interfaces or settings.swarm_hosts
        ),
        interfaces=settings.outgoing_interfaces,
        proxy=settings.proxy,
        encryption=settings.encryption,
        admit_loopback=settings.admit_loopback,
        admitted_networks=settings.admitted_networks,
        refused_networks=settings.refused_networks,
        dht=settings.dht,
        dht_nodes=settings.dht_nodes,
        # Over loopback it is thirty times slower than TCP, and would often be chosen.
        utp=not settings.admit_loopback if settings.utp is None else settings.utp,
        connections=settings.connections,
        download_rate=settings.download_rate,
        upload_rate=settings.upload_rate,
        stop_tracker_seconds=settings.stop_tracker_seconds,
    )
