"""One real stack for all end-to-end tests; after each test the invariants hold and its jobs are deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.fixtures import sample, swarm
from tests.e2e.people import Person
from tests.e2e.world import World, running

__all__ = ["sample", "swarm"]


@pytest.fixture(scope="session")
async def session_world() -> AsyncIterator[World]:
    """The stack: rclone as S3, one agent."""
    async with running() as world:
        yield world


@pytest.fixture
async def world(session_world: World) -> AsyncIterator[World]:
    """The session's stack."""
    yield session_world
    try:
        await session_world.sound()
    finally:
        await session_world.cleared()


@pytest.fixture
def ann(world: World) -> Person:
    """A user."""
    return world.ann


@pytest.fixture
def ben(world: World) -> Person:
    """Another user."""
    return world.ben
