"""One auth for the session, and an admin service of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.admin.running import Admin, running_admin
from tests.integration.auth.running import ROOT, Auth, running_auth
from tseeder_pg import transaction
from tseeder_stack.provision import create_database


@pytest.fixture(scope="session")
async def operators_auth(
    postgres: Any, migrated_template: str, nats_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Auth]:
    """An auth service with a superadmin."""
    name = f"operators_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template=migrated_template)
    dsn: str = postgres.database(name).urls["auth"]
    async with running_auth(dsn, nats_url, tmp_path_factory.mktemp("keys")) as auth:
        await auth.bootstrap(ROOT)
        yield auth


@pytest.fixture(scope="session")
async def session_admin(postgres: Any, migrated_template: str, operators_auth: Auth) -> AsyncIterator[Admin]:
    """The session's service, whose calls may take a second, and which settles what is open for two."""
    name = f"admin_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template=migrated_template)
    timers = {"EFFECT_SECONDS": "1", "SETTLE_SECONDS": "2", "SWEEP_SECONDS": "0.2"}
    async with running_admin(postgres.database(name).urls["admin"], operators_auth, **timers) as admin:
        yield admin


@pytest.fixture
async def admin(session_admin: Admin) -> Admin:
    """The same with an empty log, which takes the table's owner and a disabled trigger."""
    async with transaction(session_admin.pool) as tx:
        await tx.execute("ALTER TABLE audit_entries DISABLE TRIGGER USER")
        await tx.execute("DELETE FROM audit_entries")
        await tx.execute("ALTER TABLE audit_entries ENABLE TRIGGER USER")
    return session_admin


@pytest.fixture
async def root(operators_auth: Auth) -> str:
    """The superadmin's identity token."""
    return await operators_auth.root_identity()
