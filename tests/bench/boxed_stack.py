"""The real stack with RadosGW as the launcher starts it, but for its agent, which runs behind the shaped link."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

from tests.bench import processes
from tests.bench.link import BOX, NETWORK, Link
from tests.bench.results import BenchError
from tseeder_auth.usecases.issue_bootstrap_token import issue_bootstrap_token
from tseeder_cli.client import Client, Source
from tseeder_cli.wire import Job
from tseeder_pg import open_pool
from tseeder_stack.environment import of_service
from tseeder_stack.options import StackOptions
from tseeder_stack.program import http_status
from tseeder_stack.run_once import prelude
from tseeder_stack.stack import Stack
from tseeder_testkit.torrents import Sample

AGENT: Final = "agent-1"
OPS_PORT: Final = 9300
READY_SECONDS: Final = 30.0
JOB_SECONDS: Final = 180.0
SCOPES: Final = ("jobs:read", "jobs:write", "files:read", "files:write", "me:read")
# Addresses of the box, and the swarm beyond it; TCP alone, as the peers.
ENVIRONMENT: Final[Mapping[str, str]] = {
    "TSEEDER_AGENT_HOST": BOX,
    "TSEEDER_AGENT_SWARM_HOSTS": f'["{BOX}"]',
    "TSEEDER_AGENT_ADMIT_LOOPBACK": "false",
    "TSEEDER_AGENT_ADMITTED_NETWORKS": f'["{NETWORK}"]',
    "TSEEDER_AGENT_DHT": "false",
    "TSEEDER_AGENT_UTP": "false",
}


class BoxedStack:
    """The stack, who uses it, and its agent's process id."""

    def __init__(self, stack: Stack, client: Client, agent: int, key: str) -> None:
        self.stack = stack
        self.client = client
        self.agent = agent
        self._key = key

    def another_client(self) -> Client:
        """Of the same account, with connections of its own: a client keeps few."""
        return Client(self.stack.gateway_url, self._key)

    async def fetch(self, sample: Sample) -> float:
        """Submit a torrent by REST; the seconds until REST says that the job is completed."""
        began = time.monotonic()
        job, _ = await self.client.submit(Source(torrent=sample.torrent.read_bytes()))
        async with asyncio.timeout(JOB_SECONDS):
            last = await self._ended(job)
        seconds = time.monotonic() - began
        if last["state"] != "completed":
            raise BenchError(f"the job ended as {last['state']}: {last}")
        return seconds

    async def _ended(self, job: Job) -> Job:
        """The job as its stream of events tells it last."""
        last: Job = job
        async for event in self.client.events(job["job_id"]):
            if event.kind in ("snapshot", "job"):
                last = await self.client.job(job["job_id"]) if event.kind == "snapshot" else event.data  # type: ignore[assignment]  # the stream's JSON
                if last["state"] in ("completed", "failed", "cancelled"):
                    break
        return last


@asynccontextmanager
async def boxed_stack(state: Path, link: Link, agent: Mapping[str, str] | None = None) -> AsyncIterator[BoxedStack]:
    """Start it all, with an account that has an API key; ready when the agent is. `agent`: more of its settings."""
    options = StackOptions(state=state, agents=0, s3="radosgw")
    async with Stack(options) as stack, Client(stack.gateway_url) as door:
        key = await api_key_of(stack, door)
        with _agent(stack, link, state / "agent.log", agent or {}) as pid:
            await _ready(pid, state / "agent.log")
            async with Client(stack.gateway_url, key) as client:
                yield BoxedStack(stack, client, pid, key)


@contextmanager
def _agent(stack: Stack, link: Link, log: Path, more: Mapping[str, str]) -> Iterator[int]:
    parts = replace(stack.parts, ports={**stack.parts.ports, f"{AGENT}.ops": OPS_PORT})
    argv = link.boxed(sys.executable, "-m", "tseeder_agent")
    env = {**of_service(AGENT, parts), **ENVIRONMENT, **more}
    with log.open("wb") as out:
        process = processes.start([*prelude(None), *argv], cwd=log.parent, env=env, out=out)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _ready(pid: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while await http_status(BOX, OPS_PORT, "/readyz") != HTTPStatus.OK:
        if time.monotonic() > deadline:
            raise BenchError(f"the agent ({pid}) is not ready: {processes.end_of(log)}")
        await asyncio.sleep(0.1)


async def api_key_of(stack: Stack, door: Client, scopes: tuple[str, ...] = SCOPES) -> str:
    """The API key of a first account, which is an operator."""
    async with open_pool(stack.parts.database_urls["auth"], min_size=0, max_size=1, application_name="bench") as pool:
        token = await issue_bootstrap_token(pool, timedelta(minutes=1))
    password = secrets.token_urlsafe(16)
    user = await door.bootstrap(token, "bench@example.org", password)
    await door.log_in(user["email"], password)
    made = await door.create_api_key("bench", scopes)
    return made["secret"]
