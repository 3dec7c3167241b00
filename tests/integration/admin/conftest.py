"""One auth for the session, and an admin service of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.admin.running import Admin, running_admin
from tests.integration.auth.running import ROOT, Auth, running_auth
from tseeder_pg import migrate, migrations_dir
from tseeder_stack.provision import Database, create_database


@pytest.fixture(scope="session")
async def operators_auth(postgres: Any, nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth]:
    """An auth service with a superadmin."""
    name = f"operators_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template="template_empty")
    dsn: str = postgres.database(name).urls["auth"]
    await migrate(dsn, "auth", migrations_dir("tseeder_auth"))
    async with running_auth(dsn, nats_url, tmp_path_factory.mktemp("keys")) as auth:
        await auth.bootstrap(ROOT)
        yield auth


@pytest.fixture
async def admin(database: Database, operators_auth: Auth) -> AsyncIterator[Admin]:
    """The service, whose calls may take a second, and which settles what is open for two."""
    dsn = database.urls["admin"]
    await migrate(dsn, "admin", migrations_dir("tseeder_admin"))
    async with running_admin(dsn, operators_auth, EFFECT_SECONDS="1", SETTLE_SECONDS="2", SWEEP_SECONDS="0.2") as admin:
        yield admin


@pytest.fixture
async def root(operators_auth: Auth) -> str:
    """The superadmin's identity token."""
    return await operators_auth.root_identity()
