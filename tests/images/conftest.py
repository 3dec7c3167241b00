"""One stack whose services are containers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from scripts.images import version
from tests.e2e.fixtures import sample, swarm
from tests.e2e.reporting import pytest_runtest_makereport
from tests.e2e.world import World, running
from tests.images.containers import Containers

__all__ = ["pytest_runtest_makereport", "sample", "swarm"]

SERVICES = ("auth", "billing", "jobs", "admin", "gateway", "agent-1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which images."""
    parser.addoption("--images-tag", default=version(), help="the tag of the images to test (the project's version)")


@pytest.fixture(scope="package")
def containers(pytestconfig: pytest.Config) -> Containers:
    """The containers' images and names."""
    return Containers(pytestconfig.getoption("--images-tag", version()))


@pytest.fixture(scope="package")
async def world(containers: Containers) -> AsyncIterator[World]:
    """Postgres, NATS, rclone as child processes; the six services as containers."""
    try:
        async with running(make_program=containers.program) as world:
            yield world
    finally:
        containers.remove(*SERVICES)
