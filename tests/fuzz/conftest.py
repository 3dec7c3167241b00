"""The gateway before real services, with limits out of the way, and things of all kinds for requests to be about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fuzz.subjects import Subjects, prepared
from tests.integration.gateway.conftest import agent, healthy, upstream
from tests.integration.gateway.running import Door, Upstream, running, signed_in
from tests.integration.jobs.playing import Agent
from tseeder.auth.v1 import auth_pb2
from tseeder_pg import connection

__all__ = ["agent", "healthy", "upstream"]

PLENTY = 1_000_000


@pytest.fixture(scope="session")
def auth_settings() -> dict[str, Any]:
    """Nobody is held up for signing in wrongly."""
    return {"login_account_free_failures": PLENTY, "login_address_free_failures": PLENTY}


@pytest.fixture(scope="session")
async def door(upstream: Upstream) -> AsyncIterator[Door]:
    """A gateway that never says that it is too much."""
    async with connection(upstream.jobs.world.billing_pool) as held:
        await held.execute("UPDATE plans SET live_jobs = $1, storage_bytes = $2", PLENTY, 1 << 50)
    async with running(
        upstream,
        identity_cache_seconds=5,
        rate_per_second=PLENTY,
        rate_burst=PLENTY,
        anonymous_rate_per_second=PLENTY,
        anonymous_rate_burst=PLENTY,
        body_seconds=5,
    ) as made:
        yield made


@pytest.fixture(scope="session")
async def subjects(door: Door, agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    """What a superadmin has, and somebody else."""
    root = await signed_in(door.upstream, auth_pb2.ROLE_SUPERADMIN)
    other = await signed_in(door.upstream)
    return await prepared(door, agent, root, other, tmp_path_factory.mktemp("fuzz"))
