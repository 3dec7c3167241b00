"""Swarm sessions, and a jobs service with short timers for whole agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.integration.agent.fetching import LOOPBACK
from tests.integration.agent.working import Working, working
from tests.integration.jobs.conftest import own_world, settled
from tests.integration.jobs.running import Service, World, running
from tseeder_agent.adapters.swarm import Swarm, open_swarm
from tseeder_stack.ports import Ports
from tseeder_stack.s3 import S3Server

BRISK: dict[str, Any] = {"heartbeat_seconds": 0.3, "self_stop_seconds": 2.0, "lease_seconds": 4.0}


class Start(Protocol):
    """`async with start(**settings) as agent`: a whole agent of this test's jobs service."""

    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Working]: ...


@pytest.fixture
async def swarm() -> AsyncIterator[Swarm]:
    """A libtorrent session of the test's own that may talk to loopback."""
    async with open_swarm(LOOPBACK) as swarm:
        yield swarm


@pytest.fixture(scope="session")
async def agent_world(
    postgres: Any,
    migrated_template: str,
    nats_url: str,
    rclone_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """What the jobs service of these tests stands on."""
    folder = tmp_path_factory.mktemp("agent-world")
    async with own_world(postgres, migrated_template, nats_url, rclone_server, folder, "agent_tests") as made:
        yield made


@pytest.fixture(scope="session")
async def session_jobs(agent_world: World) -> AsyncIterator[Service]:
    """One jobs service for the session."""
    async with running(agent_world, rpc_port=Ports().pick("jobs"), **BRISK) as service:
        yield service


@pytest.fixture
async def jobs(session_jobs: Service) -> AsyncIterator[Service]:
    """The session's jobs service; after the test nothing is left without an owner, and usage is right."""
    session_jobs.users.clear()
    yield session_jobs
    for user in session_jobs.users:
        for job in (await user.list_jobs(limit=200)).jobs:
            await user.delete(job)
    await settled(session_jobs)


@pytest.fixture
def start(jobs: Service, tmp_path: Path) -> Start:
    def make(**changes: Any) -> AbstractAsyncContextManager[Working]:
        return working(jobs, changes.pop("scratch_dir", tmp_path / "scratch"), **changes)

    return make
