"""Two agents, RadosGW, and a line to cut between any two of them: what the long fault tests stand on."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.e2e.waiting import wait_for
from tests.e2e.world import MIB, World, running
from tests.faults.looking import lease
from tests.integration.agent.proxy import Proxy, proxy
from tseeder_cli.wire import Job
from tseeder_stack.options import kind_of
from tseeder_stack.program import Program
from tseeder_stack.service import program
from tseeder_testkit.s3_faults import Exchange, FaultyS3, faulty_s3

AGENTS: Final = ("agent-1", "agent-2")
JOBS: Final = "jobs"
PART_BYTES: Final = 5 * MIB
LEASE_SECONDS: Final = 6.0
SELF_STOP_SECONDS: Final = 4.0
TAKEN_OVER_SECONDS: Final = LEASE_SECONDS + 15
SENT_SECONDS: Final = 6  # how long an agent's write may take

TIMERS: Final[Mapping[str, Mapping[str, str]]] = {
    "jobs": {
        "TSEEDER_JOBS_LEASE_SECONDS": str(LEASE_SECONDS),
        "TSEEDER_JOBS_SELF_STOP_SECONDS": str(SELF_STOP_SECONDS),
        "TSEEDER_JOBS_S3_TIMEOUT_SECONDS": "10",
        "TSEEDER_JOBS_PART_SIZE_BYTES": str(PART_BYTES),
        # A late PUT of a whole file lands under a key that is given up; it is swept within the test.
        "TSEEDER_JOBS_DELETE_AGAIN_SECONDS": "5",
        # Chance may kill three leases in a row before they got any further: from then on a transfer waits.
        "TSEEDER_JOBS_BACKOFF_SECONDS": "1",
    },
    # Agents look for work only when a bell rings: what the sweep rings must be enough.
    "agent": {
        "TSEEDER_AGENT_CLAIM_SECONDS": "3600",
        "TSEEDER_AGENT_S3_TIMEOUT_SECONDS": str(SENT_SECONDS),
        "TSEEDER_AGENT_DISK_FULL_PAUSE_SECONDS": "1",
    },
}


def whole(name: str, default: int) -> int:
    """A whole number from the environment, for what a run may choose."""
    return int(os.environ.get(name) or default)


def chance() -> tuple[random.Random, int]:
    """A generator, and its seed: FAULT_SEED, or a new one."""
    seed = whole("FAULT_SEED", random.SystemRandom().randrange(1 << 32))
    return random.Random(seed), seed


@dataclass(frozen=True)
class Ground:
    """A stack. `storage` are the proxies on the ways to S3: of "jobs", and of each agent (one for both where jobs
    presigns the writes); `lines` are those from each agent to jobs."""

    world: World
    presigned: bool
    storage: Mapping[str, FaultyS3]
    lines: Mapping[str, Proxy]

    @property
    def mode(self) -> str:
        """How agents write."""
        return "presigned" if self.presigned else "key"

    def heal(self) -> None:
        """All is well."""
        for to_s3 in self.storage.values():
            to_s3.heal()
        for line in self.lines.values():
            line.heal()

    def forget(self) -> None:
        """Begin to count anew."""
        for to_s3 in self.storage.values():
            for counted in (to_s3.seen, to_s3.struck, to_s3.refused, to_s3.log):
                counted.clear()

    @property
    def agents_storage(self) -> list[FaultyS3]:
        """The proxies that agents write through."""
        return unique(self.storage[agent] for agent in AGENTS)

    def parts(self) -> list[Exchange]:
        """All UploadPart requests of all agents, as they began."""
        log = [each for to_s3 in self.agents_storage for each in to_s3.log if each.operation == "UploadPart"]
        return sorted(log, key=lambda each: each.began)

    def held(self) -> int:
        """How many parts S3 holds."""
        return len({(each.upload_id, each.part_number) for each in self.parts() if each.is_done})

    async def holds(self, count: int, *, timeout: float = 120) -> None:
        """Wait until S3 holds so many parts."""

        async def enough() -> bool:
            return self.held() >= count

        await wait_for(enough, f"S3 holds {count} parts", timeout=timeout)

    def sent_again(self, *, untold: bool = False) -> int:
        """How many parts were sent though S3 had told an agent that it holds them; `untold`: though it held them."""
        done: dict[tuple[str, int], float] = {}
        again = 0
        for each in self.parts():
            key = (each.upload_id, each.part_number)
            again += key in done and each.began > done[key]
            if each.is_done and each.ended is not None and (each.told or untold):
                done[key] = min(each.ended, done.get(key, each.ended))
        return again

    def others(self, agent: str) -> str:
        """The other agent."""
        return next(name for name in AGENTS if name != agent)

    async def until_later(self, job: Job, epoch: int) -> str:
        """Wait until an agent has the job under a later epoch; which one."""

        async def later() -> str:
            found = await lease(self.world, job)
            return found[0] if found and found[1] > epoch else ""

        return await wait_for(later, f"a lease after epoch {epoch}", timeout=TAKEN_OVER_SECONDS)


def unique(found: Iterable[FaultyS3]) -> list[FaultyS3]:
    """Without the second of two that are the same."""
    return list({id(each): each for each in found}.values())


@asynccontextmanager
async def grounded(*, presigned: bool, small_disk_mib: int = 0) -> AsyncIterator[Ground]:
    """A stack of its own. `small_disk_mib`: the first agent's scratch folder is a disk of this size."""
    async with AsyncExitStack() as opened:
        to_jobs = await opened.enter_async_context(faulty_s3(""))
        both = await opened.enter_async_context(faulty_s3("")) if presigned else None
        storage = {JOBS: to_jobs}
        for agent in AGENTS:
            own = both if both is not None else await opened.enter_async_context(faulty_s3(""))
            storage[agent] = own
        lines = {agent: await opened.enter_async_context(proxy("127.0.0.1", 0)) for agent in AGENTS}

        def make(name: str, env: Mapping[str, str], ports: Mapping[str, int], cwd: Path, log: Path) -> Program:
            made = program(name, _wired(name, env, storage, lines, presigned=presigned), ports, cwd, log)
            return _on_small_disk(made, small_disk_mib) if small_disk_mib and name == AGENTS[0] else made

        world = await opened.enter_async_context(running(s3="radosgw", agents=2, env=TIMERS, make_program=make))
        yield Ground(world, presigned, storage, lines)


def _wired(
    name: str, env: Mapping[str, str], storage: Mapping[str, FaultyS3], lines: Mapping[str, Proxy], *, presigned: bool
) -> dict[str, str]:
    """The environment of a service, with the proxies on its ways."""
    if name not in storage:
        return dict(env)
    prefix = f"TSEEDER_{kind_of(name).upper()}_"
    storage[name].upstream = direct = env[f"{prefix}S3_ENDPOINT"]
    if name == JOBS:
        writes = {"AGENT_WRITES": "presigned", "S3_AGENT_ENDPOINT": storage[AGENTS[0]].url} if presigned else {}
        own = {"S3_ENDPOINT": storage[JOBS].url, "S3_PUBLIC_ENDPOINT": direct, **writes}
    else:
        host, _, port = env[f"{prefix}JOBS_TARGET"].rpartition(":")
        lines[name].upstream = (host, int(port))
        own = {"S3_ENDPOINT": storage[name].url, "JOBS_TARGET": f"127.0.0.1:{lines[name].port}"}
        if presigned:
            own |= {"S3_ENDPOINT": "", "S3_ACCESS_KEY": "", "S3_SECRET_KEY": ""}
    return {**env, **{f"{prefix}{field}": value for field, value in own.items()}}


def _on_small_disk(made: Program, mib: int) -> Program:
    """The same program in a mount namespace of its own, where its scratch folder is a disk of `mib` MiB that ends with
    it. The death signal is set again, since a new user namespace clears it."""
    scratch = made.env["TSEEDER_AGENT_SCRATCH_DIR"]
    Path(scratch).mkdir(parents=True, exist_ok=True)
    namespace = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--user", "--map-root-user")
    script = 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && shift 2 && exec setpriv --pdeathsig KILL "$@"'
    argv = (*namespace, "sh", "-c", script, "sh", str(mib), scratch, *made.argv)
    return replace(made, argv=argv)


@asynccontextmanager
async def never_early(world: World) -> AsyncIterator[None]:
    """All the while inside, nothing is called stored that S3 does not have."""
    early: set[str] = set()
    looks = 0

    async def look() -> None:
        nonlocal looks
        while True:
            said = await world.fetch("SELECT object_key FROM objects WHERE state = 'stored'")
            keys = await world.keys()
            early.update(f"object {row[0]}" for row in said if row[0] not in keys)
            unready = await world.fetch(
                "SELECT job_id FROM jobs WHERE state = 'completed' AND stored_files < wanted_files"
            )
            early.update(f"job {row[0]}" for row in unready)
            looks += 1
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield
        assert looks, "nobody looked"
    finally:
        looking.cancel()
        (ended,) = await asyncio.gather(looking, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended
    assert not early, f"called stored too early: {early}"
