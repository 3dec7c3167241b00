"""A pool on a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tseeder_pg import Pool, open_pool
from tseeder_stack.provision import Database


@pytest.fixture
def dsn(database: Database) -> str:
    """The URL of the role `tseeder_jobs`, whose schema is `jobs`."""
    return database.urls["jobs"]


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(dsn, application_name="test", max_size=8) as pool:
        yield pool
