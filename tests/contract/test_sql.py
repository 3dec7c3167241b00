"""Every SQL statement of every service is one that Postgres accepts, on the schema as its migrations make it.

The rule: in a module of a service's `store`, and in tseeder_pg.feed, each UPPER_CASE text at module level is one whole
SQL statement. What is no statement (a list of columns, say) is written in lower case.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tseeder_pg import Pool, connection, open_pool
from tseeder_stack.options import SCHEMAS
from tseeder_stack.provision import create_database, drop_database

FEED = "tseeder_pg.feed"
DATABASE = "test_contract"


@dataclass(frozen=True)
class Statement:
    """A constant, and the service on whose schema it must stand."""

    service: str
    module: str
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.service}: {self.module}.{self.name}"


def store_modules(service: str) -> Iterator[str]:
    """The modules of a service's store, by name."""
    package = f"tseeder_{service}.store"
    found = importlib.util.find_spec(package)
    if found is not None and found.submodule_search_locations is not None:
        for module in pkgutil.walk_packages(found.submodule_search_locations, f"{package}."):
            yield module.name


def constants(module: str) -> Iterator[tuple[str, str]]:
    """(name, value) of the UPPER_CASE texts that a module itself assigns."""
    imported = importlib.import_module(module)
    assert imported.__file__ is not None
    for name in assigned(Path(imported.__file__).read_text(encoding="utf-8")):
        value = getattr(imported, name)
        if isinstance(value, str):
            yield name, value


def assigned(source: str) -> Iterator[str]:
    """The UPPER_CASE names that a module's source assigns at its top level."""
    for node in ast.parse(source).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from (target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper())


def statements() -> list[Statement]:
    """All of them; the feed's once for each service, since each has one of its own."""
    own = [
        Statement(service, module, name, sql)
        for service in sorted(SCHEMAS)
        for module in store_modules(service)
        for name, sql in constants(module)
    ]
    return own + [
        Statement(service, FEED, name, sql) for service in services_with_feed() for name, sql in constants(FEED)
    ]


def services_with_feed() -> list[str]:
    """Those whose migrations make a feed."""
    root = Path(__file__).parents[2] / "services"
    return [
        service
        for service in sorted(SCHEMAS)
        if any("CREATE TABLE feed (" in path.read_text() for path in (root / service / "migrations").glob("*.sql"))
    ]


@pytest.fixture(scope="module")
async def pools(postgres: Any, migrated_template: str) -> AsyncIterator[dict[str, Pool]]:
    """A pool of each service's own role, on the migrated schemas."""
    await create_database(postgres.admin_url, DATABASE, template=migrated_template)
    async with AsyncExitStack() as stack:
        yield {
            service: await stack.enter_async_context(open_pool(url, application_name="contract", max_size=1))
            for service, url in postgres.database(DATABASE).urls.items()
        }
    await drop_database(postgres.admin_url, DATABASE)


@pytest.mark.parametrize("statement", statements(), ids=str)
async def test_postgres_accepts(statement: Statement, pools: dict[str, Pool]) -> None:
    async with connection(pools[statement.service]) as held:
        await held.prepare(statement.sql)


def test_every_service_with_a_store_is_looked_at() -> None:
    found = {statement.service for statement in statements()}
    assert found == set(SCHEMAS)
    assert {"jobs", "auth"} <= set(services_with_feed())


async def test_a_statement_of_another_schema_is_found(pools: dict[str, Pool]) -> None:
    async with connection(pools["jobs"]) as held:
        with pytest.raises(Exception, match="no_such_column"):
            await held.prepare("SELECT no_such_column FROM jobs")


def test_what_counts_as_a_statement() -> None:
    source = "READ: Final = 'SELECT 1'\nWRITE = 'x'\n_columns = 'a'\nname = 'b'\ndef f():\n    INNER = 'c'\n"
    assert list(assigned(source)) == ["READ", "WRITE"]
