"""Postgres, NATS and S3 as the launcher starts them."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import pytest

from tseeder_kit.errors import AppError
from tseeder_pg import connection, open_pool, transaction
from tseeder_stack.provision import Database
from tseeder_stack.s3 import S3Keys, S3Server, signed


async def test_each_service_has_a_role_and_a_schema_of_its_own(database: Database) -> None:
    async with open_pool(database.urls["jobs"], application_name="test") as pool, transaction(pool) as tx:
        await tx.execute("CREATE TABLE things (id int)")
        assert await tx.fetchval(
            "SELECT current_user || ' ' || schemaname FROM pg_tables WHERE tablename = 'things'"
        ) == ("tseeder_jobs jobs")


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM jobs.things", "CREATE TABLE jobs.x ()", "CREATE TABLE public.x ()"]
)
async def test_no_service_can_touch_the_schema_of_another(database: Database, statement: str) -> None:
    async with open_pool(database.urls["jobs"], application_name="test") as pool, transaction(pool) as tx:
        await tx.execute("CREATE TABLE things (id int)")
    async with open_pool(database.urls["auth"], application_name="test") as pool, connection(pool) as held:
        with pytest.raises(Exception, match="permission denied for schema"):
            await held.execute(statement)


async def test_a_wrong_password_is_refused(database: Database) -> None:
    wrong = database.urls["jobs"].replace("tseeder_jobs:", "tseeder_jobs:x")
    async with open_pool(wrong, application_name="test") as pool:
        with pytest.raises(AppError):
            async with connection(pool):
                pass


async def test_migrations_have_run_in_every_schema(migrated_database: Database) -> None:
    for service, url in migrated_database.urls.items():
        async with open_pool(url, application_name="test") as pool, connection(pool) as held:
            assert await held.fetchval("SELECT count(*) FROM schema_migrations") > 0, service


async def test_nats_wants_the_password(nats_url: str) -> None:
    address = nats_url.rpartition("@")[2]
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()  # INFO
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


def put_get_delete(server: S3Server) -> list[int]:
    path = f"/{server.bucket}/a folder/b"
    answers = [signed(server, "PUT", path, body=b"bytes"), signed(server, "GET", path), signed(server, "DELETE", path)]
    assert answers[1][1] == b"bytes"
    return [status for status, _ in answers]


def wrong_secret(server: S3Server) -> int:
    bad = S3Server(server.endpoint, server.region, server.bucket, S3Keys(server.jobs.access, "x"), server.agent, "")
    return signed(bad, "GET", f"/{server.bucket}")[0]


async def test_rclone_stores_and_refuses_a_wrong_secret(s3: S3Server) -> None:
    assert await asyncio.to_thread(put_get_delete, s3) == [HTTPStatus.OK, HTTPStatus.OK, HTTPStatus.NO_CONTENT]
    assert await asyncio.to_thread(wrong_secret, s3) == HTTPStatus.FORBIDDEN
