"""Swarm sessions, and a jobs service with short timers for whole agents."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.integration.agent.fetching import LOOPBACK
from tests.integration.agent.working import Working, working
from tests.integration.jobs.conftest import own_world, settled
from tests.integration.jobs.running import Service, World, running
from tests.ports import PORTS
from tseeder_agent.adapters.swarm import Swarm, open_swarm
from tseeder_stack import backing
from tseeder_stack.options import StackOptions
from tseeder_stack.s3 import S3Server
from tseeder_stack.site import Site

CALM: dict[str, Any] = {"heartbeat_seconds": 0.3, "self_stop_seconds": 12.0, "lease_seconds": 15.0}
BRISK: dict[str, Any] = {"heartbeat_seconds": 0.3, "self_stop_seconds": 2.0, "lease_seconds": 4.0}


class Start(Protocol):
    """`async with start(**settings) as agent`: a whole agent of this test's jobs service."""

    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Working]: ...


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    """A libtorrent session of the test's own that may talk to loopback."""
    async with open_swarm(LOOPBACK) as swarm:
        yield swarm


@pytest.fixture(scope="module")
async def rclone_server() -> AsyncIterator[S3Server]:
    """A server for each file of tests: rclone keeps what was cut or given up in memory, and in the end lets others
    wait for it, a minute and longer."""
    with tempfile.TemporaryDirectory(prefix="tseeder-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        await asyncio.to_thread(folder.chmod, 0o711)
        async with Site(StackOptions(state=folder, safe=False)) as site:
            server = backing.plan_s3(site, "rclone")
            await backing.start_s3(site, server)
            yield server


@pytest.fixture(scope="module")
async def agent_world(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """What the jobs service of these tests stands on."""
    folder = tmp_path_factory.mktemp("agent-world")
    async with own_world(
        postgres, migrated_template, nats_url, rclone_server, folder, f"agent_tests_{uuid.uuid4().hex[:8]}"
    ) as made:
        yield made


@pytest.fixture(scope="module")
async def module_jobs(agent_world: World) -> AsyncIterator[Service]:
    """One jobs service for each file of tests."""
    async with running(agent_world, rpc_port=PORTS.pick("jobs"), **BRISK) as service:
        yield service


@pytest.fixture
async def jobs(module_jobs: Service) -> AsyncIterator[Service]:
    """The file's jobs service; after the test nothing is left without an owner, and usage is right."""
    module_jobs.users.clear()
    yield module_jobs
    for user in module_jobs.users:
        for job in (await user.list_jobs(limit=200)).jobs:
            await user.delete(job)
    await settled(module_jobs)


@pytest.fixture
def start(jobs: Service, tmp_path: Path) -> Start:
    def make(**changes: Any) -> AbstractAsyncContextManager[Working]:
        return working(jobs, changes.pop("scratch_dir", tmp_path / "scratch"), **changes)

    return make
