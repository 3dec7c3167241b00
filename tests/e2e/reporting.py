"""A failed test shows what the services of its stack logged last: their processes and files are gone later."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.world import World

LINES = 40
LONGEST_LINE = 800


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """For the conftest.py files of tests that have a `world`."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World) and call.when == "call":
        for name in world.stack.names:
            report.sections.append((f"the last lines of {name}", _tail(world.stack.options.state / "logs", name)))
    return report


def _tail(folder: Path, name: str) -> str:
    lines = (folder / f"{name}.log").read_text(errors="replace").splitlines()[-LINES:]
    return "\n".join(line[:LONGEST_LINE] for line in lines)
