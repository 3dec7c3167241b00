"""B3: claims a second, over gRPC, by how much is queued and of how many users: the same work at each size, in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.progress import say
from tests.bench.queued import fill
from tests.bench.results import BenchError, Result, Row, paired, result
from tests.bench.workplace import workplace
from tests.integration.jobs.playing import Agent
from tests.integration.jobs.running import running, world
from tseeder.jobs.v1 import agents_pb2 as pb
from tseeder_stack import backing
from tseeder_stack.options import SCHEMAS, StackOptions
from tseeder_stack.provision import Database, create_database, create_schemas, migrate_all, service_urls, with_database
from tseeder_stack.s3 import S3Server
from tseeder_stack.site import Site

NAME: Final = "claims"
ROUNDS: Final = 5
CLAIMS: Final = 200
WARM_UP: Final = 30


@dataclass(frozen=True)
class Size:
    """A queue: so many transfers, of so many users."""

    transfers: int
    users: int

    @property
    def name(self) -> str:
        """As rows are named."""
        return f"claims, {self.transfers:,} queued of {self.users:,} users"


AS_DEPLOYED: Final[Mapping[str, Any]] = {
    "sweep_seconds": 10,
    "relay_seconds": 1,
    "lease_seconds": 600,
    "self_stop_seconds": 400,
}
SIZES: Final = (Size(1_000, 1_000), Size(1_000_000, 1_000), Size(1_000_000, 100_000))
QUICK: Final = (Size(1_000, 1_000), Size(10_000, 1_000), Size(10_000, 10_000))


def run(sizes: Sequence[Size] = SIZES, rounds: int = ROUNDS, claims: int = CLAIMS) -> Result:
    """Run the bench: no root, no agents, one jobs process's work in this one. The first size is what others are
    measured by."""
    with workplace(gib_free=12) as folder:
        return figures_of(asyncio.run(_bench(folder, sizes, rounds, claims)))


async def _bench(folder: Path, sizes: Sequence[Size], rounds: int, claims: int) -> dict[Size, list[float]]:
    seen: dict[Size, list[float]] = {size: [] for size in sizes}
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(Site(StackOptions(state=folder)))
        servers = await _servers(site)
        agents = {size: await stack.enter_async_context(_agent(servers, folder, size)) for size in sizes}
        for size in sizes:
            await _rate(agents[size], WARM_UP)
        for number in range(1, rounds + 1):
            for size in sizes:  # in turn
                seen[size].append(await _rate(agents[size], claims))
                say(f"round {number}/{rounds}: {size.name}: {seen[size][-1]:.1f} a second")
    return seen


async def _rate(agent: Agent, claims: int) -> float:
    """Claims a second of one agent, one at a time; what it got goes back, so that the next round finds the same."""
    leases: list[pb.LeaseRef] = []
    began = time.perf_counter()
    for _ in range(claims):
        leases += [each.lease for each in await agent.claim()]
    seconds = time.perf_counter() - began
    if len(leases) != claims:
        raise BenchError(f"{claims} claims gave {len(leases)} leases")
    for lease in leases:
        await agent.release(lease)
    return claims / seconds


@dataclass(frozen=True)
class _Servers:
    postgres: str  # the administrator's URL
    passwords: Mapping[str, str]
    nats: str
    s3: S3Server


async def _servers(site: Site) -> _Servers:
    passwords = {schema: site.secrets.text(f"postgres-{schema}") for schema in SCHEMAS}
    s3 = backing.plan_s3(site, "rclone")
    postgres, nats = await backing.start_postgres(site), await backing.start_nats(site)
    await backing.start_s3(site, s3)
    return _Servers(postgres, passwords, nats, s3)


@asynccontextmanager
async def _agent(servers: _Servers, folder: Path, size: Size) -> AsyncIterator[Agent]:
    """The agent of a jobs service of its own, which has that queue."""
    database = await _database(servers, f"queued_{size.transfers}_{size.users}")
    began = time.monotonic()
    await fill(database.admin_url, size.transfers, size.users)
    say(f"{size.transfers:,} transfers of {size.users:,} users are queued after {time.monotonic() - began:.0f} s")
    place = folder / database.name
    place.mkdir()
    async with world(database, servers.nats, servers.s3, place) as made:
        async with running(made, **AS_DEPLOYED) as service:
            agent = Agent(service, None)
            await agent.register()
            yield agent


async def _database(servers: _Servers, name: str) -> Database:
    await create_database(servers.postgres, name)
    await create_schemas(servers.postgres, name, servers.passwords)
    urls = service_urls(servers.postgres, name, servers.passwords)
    await migrate_all(urls)
    return Database(name, with_database(servers.postgres, name), urls)


def figures_of(seen: Mapping[Size, Sequence[float]]) -> Result:
    """The rows, and the worst size by the first, round by round."""
    first, *others = seen
    rows = [Row.of(size.name, "1/s", rates) for size, rates in seen.items()]
    return result(NAME, rows, {"claims": min(paired(seen[size], seen[first]) for size in others)})
