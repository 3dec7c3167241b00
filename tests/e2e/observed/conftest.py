"""One day of a stack that logs all it can and traces all it does, for the tests that read what it said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.observed.day import Day, live_a_day
from tests.e2e.world import running
from tests.otlp import receiving

SERVICES = ("auth", "billing", "jobs", "admin", "gateway", "agent")


@pytest.fixture(scope="package")
async def day(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Day]:
    """Its stack is still up: /metrics can be asked."""
    folder: Path = tmp_path_factory.mktemp("observed")
    async with receiving() as receiver:
        env = {
            name: {
                f"TSEEDER_{name.upper()}_LOG_LEVEL": "debug",
                f"TSEEDER_{name.upper()}_OTLP_ENDPOINT": receiver.url,
            }
            for name in SERVICES
        }
        async with running(env=env) as world:
            yield await live_a_day(world, receiver, folder)
