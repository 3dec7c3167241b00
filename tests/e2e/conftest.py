"""One real stack for all end-to-end tests; after each test the invariants hold and its jobs are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.fixtures import sample, swarm
from tests.e2e.people import Person
from tests.e2e.reporting import pytest_runtest_makereport
from tests.e2e.world import World, running

__all__ = ["pytest_runtest_makereport", "sample", "swarm"]


@pytest.fixture(scope="package")
async def package_world() -> AsyncIterator[World]:
    """The stack: rclone as S3, one agent."""
    async with running() as world:
        yield world


@pytest.fixture
async def world(package_world: World) -> AsyncIterator[World]:
    """The one stack."""
    yield package_world
    try:
        await package_world.sound()
    finally:
        await package_world.cleared()


@pytest.fixture
def ann(world: World) -> Person:
    """A user."""
    return world.ann


@pytest.fixture
def ben(world: World) -> Person:
    """Another user."""
    return world.ben
