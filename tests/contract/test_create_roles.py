"""k8s/backing/create-roles.sql, which docs/kubernetes.md tells administrators to run, makes what migrations need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

import pytest

from tseeder_kit.errors import AppError
from tseeder_pg import connection, migrate, migrations_dir, open_pool
from tseeder_stack.options import SCHEMAS
from tseeder_stack.provision import create_database, drop_database, with_database, with_user

SQL = Path(__file__).resolve().parents[2] / "k8s" / "backing" / "create-roles.sql"
DATABASE = "test_create_roles"
OF_THE_TEST = "create_roles_"  # roles are the whole server's, and tseeder_* are the session's


class Server(Protocol):
    """The fixture `postgres`."""

    @property
    def admin_url(self) -> str:
        """Of its administrator."""
        ...


def statements() -> list[str]:
    """What psql would send, for other role names, with the service's name as its password."""
    text = re.sub(r"^--.*$", "", SQL.read_text(), flags=re.MULTILINE).replace("tseeder_", OF_THE_TEST)
    text = re.sub(r":'(\w+)'", r"'\1'", text.replace(':"DBNAME"', DATABASE))
    return [part.strip() for part in text.split(";") if part.strip()]


async def run(url: str, sql: list[str]) -> None:
    async with open_pool(url, min_size=0, max_size=1, application_name="test") as pool:
        async with connection(pool) as held:
            for statement in sql:
                await held.execute(statement)


async def test_each_role_migrates_its_schema_and_reads_no_other(postgres: Server) -> None:
    await create_database(postgres.admin_url, DATABASE)
    url = with_database(postgres.admin_url, DATABASE)
    try:
        await run(url, statements())
        for service in SCHEMAS:
            own = with_user(url, OF_THE_TEST + service, service)
            assert await migrate(own, service, migrations_dir(f"tseeder_{service}"))
        for statement in ("SELECT * FROM jobs.jobs", "CREATE TABLE public.mine (id int)"):
            with pytest.raises(Exception, match="permission denied") as refusal:
                await run(with_user(url, f"{OF_THE_TEST}auth", "auth"), [statement])
            assert not isinstance(refusal.value, AppError)
    finally:
        await drop_database(postgres.admin_url, DATABASE)
        for service in SCHEMAS:
            await run(postgres.admin_url, [f"DROP ROLE IF EXISTS {OF_THE_TEST}{service}"])
