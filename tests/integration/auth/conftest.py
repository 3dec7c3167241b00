"""One auth service for the session, on a real Postgres and NATS."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.auth.running import ROOT, Auth, running_auth
from tseeder_pg import migrate, migrations_dir
from tseeder_stack.provision import Database, create_database


@pytest.fixture(scope="session")
async def auth_dsn(postgres: Any) -> str:
    """A database for the session, with auth's schema."""
    name = f"auth_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template="template_empty")
    dsn: str = postgres.database(name).urls["auth"]
    await migrate(dsn, "auth", migrations_dir("tseeder_auth"))
    return dsn


@pytest.fixture(scope="session")
async def auth(auth_dsn: str, nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth]:
    """The session's service, with a superadmin (ROOT, PASSWORD)."""
    async with running_auth(auth_dsn, nats_url, tmp_path_factory.mktemp("keys")) as auth:
        await auth.bootstrap(ROOT)
        yield auth


@pytest.fixture
async def fresh_auth(database: Database, nats_url: str, tmp_path: Path) -> AsyncIterator[Auth]:
    """A service of the test's own, without any account."""
    dsn = database.urls["auth"]
    await migrate(dsn, "auth", migrations_dir("tseeder_auth"))
    async with running_auth(dsn, nats_url, tmp_path) as auth:
        yield auth
