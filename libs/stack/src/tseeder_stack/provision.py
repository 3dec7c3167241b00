"""Roles, schemas and migrations of the services' database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from tseeder_kit.errors import AppError
from tseeder_pg import Connection, MigrationError, connection, migrate, migrations_dir, open_pool
from tseeder_stack.errors import StackError
from tseeder_stack.options import SCHEMAS

DATABASE = "tseeder"


def role(service: str) -> str:
    """The database role of a service."""
    return f"tseeder_{service}"


def with_database(url: str, database: str) -> str:
    """`url` with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def with_user(url: str, user: str, password: str) -> str:
    """`url` with another user."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{address}"))


def service_urls(admin_url: str, database: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """The URL of each service's role in `database`."""
    base = with_database(admin_url, database)
    return {service: with_user(base, role(service), password) for service, password in passwords.items()}


async def create_database(admin_url: str, name: str, *, template: str = "") -> None:
    """Create the database `name`, as a copy of `template` if one is named; nothing if it is there."""
    async with _administrator(admin_url) as held:
        if not await held.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            # FILE_COPY is quicker than logging each page, for a template that is small.
            copy = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
            await held.execute(f'CREATE DATABASE "{name}"{copy}')


async def drop_database(admin_url: str, name: str) -> None:
    """Drop the database `name`, whoever is connected."""
    async with _administrator(admin_url) as held:
        await held.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def create_schemas(admin_url: str, database: str, passwords: Mapping[str, str]) -> None:
    """Give each service of `passwords` its role (with that password) and its schema in `database`. Idempotent."""
    async with _administrator(with_database(admin_url, database)) as held:
        await held.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')
        await held.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for service, password in passwords.items():
            await _role(held, service, password)
            await _schema(held, service, database)


@asynccontextmanager
async def _administrator(url: str) -> AsyncIterator[Connection]:
    """A connection for single statements; StackError if the server cannot be reached or refuses one."""
    try:
        async with open_pool(url, min_size=0, max_size=1, application_name="tseeder-stack") as pool:
            async with connection(pool) as held:
                yield held
    except AppError as error:
        raise StackError(f"Postgres cannot be prepared: {error.message}") from error


async def _role(held: Connection, service: str, password: str) -> None:
    name = role(service)
    if not await held.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await held.execute(f"CREATE ROLE {name} LOGIN")
        await held.execute(f"ALTER ROLE {name} SET search_path = {service}")
    literal = password.replace("'", "''")
    await held.execute(f"ALTER ROLE {name} PASSWORD '{literal}'")


async def _schema(held: Connection, service: str, database: str) -> None:
    name = role(service)
    await held.execute(f'GRANT CONNECT, TEMPORARY ON DATABASE "{database}" TO {name}')
    if not await held.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", service):
        # An external server's administrator is perhaps no superuser, and must be a member to give the schema away.
        await held.execute(f"GRANT {name} TO CURRENT_USER")
        await held.execute(f"CREATE SCHEMA {service} AUTHORIZATION {name}")


async def migrate_all(urls: Mapping[str, str], services: tuple[str, ...] = SCHEMAS) -> None:
    """Bring the schemas of `services` up to date, at once."""
    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(_migrate(urls[service], service))


async def _migrate(url: str, service: str) -> None:
    try:
        await migrate(url, service, migrations_dir(f"tseeder_{service}"))
    except (AppError, MigrationError) as error:
        raise StackError(f"the migrations of {service} failed: {error}") from error


def database_of(url: str | None) -> str:
    """The database that a URL names; empty for none."""
    return urlsplit(url).path.lstrip("/") if url else ""


@dataclass(frozen=True)
class Database:
    """A database in which each service has its role and schema."""

    name: str
    admin_url: str = field(repr=False)
    urls: Mapping[str, str] = field(repr=False)  # by service: "auth", "jobs", "billing", "admin"
