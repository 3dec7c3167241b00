"""The long form of each row of the fault matrix: `make faults`. After each test the invariants hold."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.world import World
from tests.faults.long.ground import Ground, grounded
from tests.faults.long.report import Row, keep, table

SOUND_SECONDS = 120  # the design's: so long after a fault has healed everything holds


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is of the long suite, and needs RadosGW."""
    for item in items:
        if "tests/faults/long/" in item.nodeid:
            item.add_marker("faults")
            item.add_marker("radosgw")


@pytest.fixture(scope="session")
async def session_ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """One stack for all tests in which agents write in this way: "key" or "presigned"."""
    async with grounded(presigned=request.param == "presigned") as ground:
        yield ground


@pytest.fixture
async def ground(session_ground: Ground) -> AsyncIterator[Ground]:
    """Whole before the test; after it the invariants hold, and its jobs are deleted."""
    session_ground.forget()
    yield session_ground
    session_ground.heal()
    try:
        await session_ground.world.sound(timeout=SOUND_SECONDS)
    finally:
        await session_ground.world.cleared()


@pytest.fixture
def world(ground: Ground) -> World:
    """The ground's stack."""
    return ground.world


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """What goes into the table: `test_row3_...` is of row 3."""
    found = re.match(r"test_row(\d+)_", request.node.name)
    assert found
    row = Row(int(found[1]))
    yield row
    keep(row, request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    lines = table(each for each in reports if isinstance(each, pytest.TestReport))
    if lines:
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
