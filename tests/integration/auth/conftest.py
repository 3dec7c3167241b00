"""One auth service for the session, on a real Postgres and NATS."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.auth.mailing import LIMITS, SETTINGS, Mailing
from tests.integration.auth.running import ROOT, Auth, running_auth
from tseeder_stack.provision import Database, create_database
from tseeder_testkit.mail_server import mail_server


@pytest.fixture(scope="session")
async def auth_dsn(postgres: Any, migrated_template: str) -> str:
    """A database for the session."""
    name = f"auth_{uuid.uuid4().hex[:8]}"
    await create_database(postgres.admin_url, name, template=migrated_template)
    dsn: str = postgres.database(name).urls["auth"]
    return dsn


@pytest.fixture(scope="session")
async def auth(auth_dsn: str, nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Auth]:
    """The session's service, with a superadmin (ROOT, PASSWORD)."""
    async with running_auth(auth_dsn, nats_url, tmp_path_factory.mktemp("keys")) as auth:
        await auth.bootstrap(ROOT)
        yield auth


@pytest.fixture
async def fresh_auth(migrated_database: Database, nats_url: str, tmp_path: Path) -> AsyncIterator[Auth]:
    """A service of the test's own, without any account."""
    async with running_auth(migrated_database.urls["auth"], nats_url, tmp_path) as auth:
        yield auth


@pytest.fixture(scope="session")
async def mailing(auth: Auth, auth_dsn: str, nats_url: str) -> AsyncIterator[Mailing]:
    """A service beside the session's, on the same database, with open registration and a mail server."""
    folder = auth.settings.identity_private_key.parent
    async with (
        mail_server() as mail,
        running_auth(auth_dsn, nats_url, folder, smtp_port=mail.port, **SETTINGS, **LIMITS) as mailing,
    ):
        yield Mailing(mailing, mail)
