"""A pool on a database that these tests share; each finds the schema empty."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tseeder_pg import Pool, connection, open_pool
from tseeder_stack.provision import create_database

if TYPE_CHECKING:
    from tests.conftest import Postgres


@pytest.fixture(scope="session")
async def shared_dsn(postgres: Postgres) -> str:
    """The URL of the role `tseeder_jobs`, whose schema is `jobs`, in one database for all of these tests."""
    await create_database(postgres.admin_url, "test_pg", template="template_empty")
    return postgres.database("test_pg").urls["jobs"]


@pytest.fixture
async def dsn(shared_dsn: str) -> AsyncIterator[str]:
    """That URL; the schema is emptied afterwards, which is quicker than another database."""
    yield shared_dsn
    async with open_pool(shared_dsn, application_name="cleaning", min_size=0) as pool, connection(pool) as con:
        for row in await con.fetch("SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'jobs'"):
            await con.execute(f"DROP TABLE {row['name']} CASCADE")


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    async with open_pool(dsn, application_name="test", max_size=8) as pool:
        yield pool
