"""Migrations: once each, in order, by one at a time, all or nothing."""

import asyncio
from pathlib import Path

import pytest

from tseeder_kit.errors import AppError
from tseeder_pg import MigrationError, Pool, connection, migrate, transaction
from tseeder_stack.provision import Database


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(sql)
    return folder


@pytest.fixture
def dsn(database: Database) -> str:
    return database.urls["jobs"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        m0001_things="CREATE TABLE things (id int); INSERT INTO things VALUES (1);",
        m0002_more="ALTER TABLE things ADD COLUMN more int; CREATE INDEX ON things (more);",
    )


async def tables(pool: Pool) -> set[str]:
    async with connection(pool) as con:
        return {row[0] for row in await con.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'jobs'")}


async def test_files_are_applied_once_in_order_and_recorded(dsn: str, pool: Pool, folder: Path) -> None:
    assert await migrate(dsn, "jobs", folder) == ["0001_things", "0002_more"]
    assert await migrate(dsn, "jobs", folder) == []
    async with connection(pool) as con:
        rows = await con.fetch("SELECT * FROM jobs.schema_migrations ORDER BY version")
        assert [(row["version"], row["name"], len(row["sha256"])) for row in rows] == [
            (1, "things", 64),
            (2, "more", 64),
        ]
        assert rows[0]["applied_at"] <= rows[1]["applied_at"]
        assert await con.fetchval("SELECT count(*) FROM jobs.things") == 1


async def test_many_at_once_take_turns(dsn: str, pool: Pool, folder: Path) -> None:
    applied = await asyncio.gather(*(migrate(dsn, "jobs", folder) for _ in range(6)))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 0, 2]
    async with connection(pool) as con:
        assert await con.fetchval("SELECT count(*) FROM jobs.things") == 1


async def test_one_that_fails_leaves_nothing_and_the_former_ones_stay(dsn: str, pool: Pool, folder: Path) -> None:
    write(folder, m0003_bad="CREATE TABLE bad (id int); SELECT 1/0;")
    with pytest.raises(MigrationError, match="0003_bad failed: division by zero"):
        await migrate(dsn, "jobs", folder)
    assert await tables(pool) == {"things", "schema_migrations"}
    write(folder, m0003_bad="CREATE TABLE good (id int);")
    assert await migrate(dsn, "jobs", folder) == ["0003_bad"]


async def test_a_changed_history_is_refused(dsn: str, folder: Path) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0001_things="CREATE TABLE other (id int);")
    with pytest.raises(MigrationError, match="0001_things changed after it was applied"):
        await migrate(dsn, "jobs", folder)


async def test_old_code_leaves_a_newer_schema_alone(dsn: str, folder: Path) -> None:
    await migrate(dsn, "jobs", folder)
    (folder / "0002_more.sql").unlink()
    assert await migrate(dsn, "jobs", folder) == []


async def test_a_file_that_commits_is_refused(dsn: str, folder: Path) -> None:
    write(folder, m0003_sly="CREATE TABLE sly (id int); COMMIT; BEGIN;")
    with pytest.raises(MigrationError, match="0003_sly ends its transaction"):
        await migrate(dsn, "jobs", folder)


async def test_a_lock_held_by_live_traffic_is_waited_for_in_short_tries(
    dsn: str, pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0003_alter="ALTER TABLE things ADD COLUMN third int;")
    monkeypatch.setattr("tseeder_pg.migrations.LOCK_TIMEOUT_MS", 50)
    async with transaction(pool) as tx:
        await tx.fetch("SELECT * FROM jobs.things")
        running = asyncio.create_task(migrate(dsn, "jobs", folder))
        async with asyncio.timeout(20):
            while not await waits_for_lock(pool):
                assert not running.done()
        while await waits_for_lock(pool):
            pass  # its first try times out while we still hold the table
    assert await asyncio.wait_for(running, 30) == ["0003_alter"]


async def test_a_lock_that_is_never_free_is_given_up(
    dsn: str, pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0003_alter="CREATE TABLE more (id int); ALTER TABLE things ADD COLUMN third int;")
    monkeypatch.setattr("tseeder_pg.migrations.LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr("tseeder_pg.migrations._LOCK_ATTEMPTS", 2)
    async with transaction(pool) as tx:
        await tx.fetch("SELECT * FROM jobs.things")
        with pytest.raises(MigrationError, match=r"0003_alter gave up: a lock .* 0.02 s, 2 times; nothing of it"):
            await migrate(dsn, "jobs", folder)
    assert await tables(pool) == {"things", "schema_migrations"}


async def test_a_statement_that_takes_too_long_is_given_up(
    dsn: str, pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tseeder_pg.migrations.STATEMENT_TIMEOUT_MS", 500)
    write(folder, m0003_slow="CREATE TABLE slow (id int); SELECT pg_sleep(60);")
    with pytest.raises(MigrationError, match=r"0003_slow gave up: a statement took longer than 0.5 s"):
        await migrate(dsn, "jobs", folder)
    assert await tables(pool) == {"things", "schema_migrations"}


INDEX = "-- no-transaction: things is large\nCREATE {unique}INDEX CONCURRENTLY IF NOT EXISTS things_id ON things (id);"


async def test_an_index_is_built_while_others_write(dsn: str, pool: Pool, folder: Path) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0003_index=INDEX.format(unique=""))
    async with transaction(pool) as tx:
        await tx.execute("INSERT INTO jobs.things VALUES (2)")
        running = asyncio.gather(*(migrate(dsn, "jobs", folder) for _ in range(3)))  # the others must not hold it up
        async with asyncio.timeout(20):
            while not await waits_for_lock(pool):
                assert not running.done()
        async with transaction(pool) as other:
            await other.execute("INSERT INTO jobs.things VALUES (3)")
    assert sorted(await asyncio.wait_for(running, 30)) == [[], [], ["0003_index"]]
    async with connection(pool) as con:
        assert await con.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'jobs.things_id'::regclass")


async def test_what_a_failed_index_left_is_cleared(dsn: str, pool: Pool, folder: Path) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0003_index=INDEX.format(unique="UNIQUE "))
    async with connection(pool) as con:
        await con.execute("INSERT INTO jobs.things VALUES (1)")  # twice now
        with pytest.raises(MigrationError, match="0003_index failed: could not create unique index"):
            await migrate(dsn, "jobs", folder)
        assert not await con.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'jobs.things_id'::regclass")
        await con.execute("DELETE FROM jobs.things WHERE ctid = (SELECT min(ctid) FROM jobs.things)")
        assert await migrate(dsn, "jobs", folder) == ["0003_index"]
        assert await con.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'jobs.things_id'::regclass")


async def test_an_index_that_takes_too_long_is_given_up(
    dsn: str, pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(dsn, "jobs", folder)
    write(folder, m0003_index=INDEX.format(unique=""))
    async with transaction(pool) as tx:
        await tx.execute("INSERT INTO jobs.things VALUES (2)")  # which it waits for
        with monkeypatch.context() as patch:
            patch.setattr("tseeder_pg.migrations.ALONE_TIMEOUT_MS", 300)
            with pytest.raises(
                MigrationError, match=r"gave up: .* longer than 0.3 s; the next try clears what it left"
            ):
                await migrate(dsn, "jobs", folder)
    assert await migrate(dsn, "jobs", folder) == ["0003_index"]


async def test_several_statements_without_a_transaction_are_refused(dsn: str, pool: Pool, folder: Path) -> None:
    write(folder, m0003_two="-- no-transaction: so it says\nCREATE INDEX CONCURRENTLY a ON things (id); SELECT 1;")
    with pytest.raises(MigrationError, match="0003_two failed: CREATE INDEX CONCURRENTLY cannot"):
        await migrate(dsn, "jobs", folder)
    async with connection(pool) as con:
        assert await con.fetchval("SELECT count(*) FROM jobs.schema_migrations") == 2


async def waits_for_lock(pool: Pool) -> bool:
    async with connection(pool) as con:
        found: bool = await con.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return found


async def test_a_turn_that_does_not_come_is_given_up(dsn: str, pool: Pool, folder: Path) -> None:
    async with transaction(pool) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tseeder.migrate.jobs', 0))")
        with pytest.raises(AppError) as caught:
            await migrate(dsn, "jobs", folder, wait_seconds=0.3)
        assert caught.value.code == "migration_locked"
        assert "holds the migration lock of the schema jobs" in caught.value.message
        assert f"pid {await tx.fetchval('SELECT pg_backend_pid()')}, test" in caught.value.message
    assert await migrate(dsn, "jobs", folder) == ["0001_things", "0002_more"]


async def test_two_schemas_do_not_wait_for_each_other(database: Database, pool: Pool, folder: Path) -> None:
    async with transaction(pool) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('tseeder.migrate.jobs', 0))")
        assert len(await migrate(database.urls["auth"], "auth", folder)) == 2


async def test_a_schema_is_made_where_the_role_may(database: Database, folder: Path) -> None:
    assert len(await migrate(database.admin_url, "fresh", folder)) == 2
    with pytest.raises(MigrationError, match="is no name for a schema"):
        await migrate(database.admin_url, 'x"; DROP SCHEMA jobs', folder)


async def test_a_role_that_may_not_make_its_schema_gets_a_clear_error(dsn: str, folder: Path) -> None:
    with pytest.raises(MigrationError, match="permission denied"):
        await migrate(dsn, "fresh", folder)


async def test_a_crash_in_the_middle_is_carried_on(dsn: str, pool: Pool, folder: Path) -> None:
    write(folder, m0003_slow="CREATE TABLE slow (id int); SELECT pg_sleep(60);")
    running = asyncio.create_task(migrate(dsn, "jobs", folder))
    async with asyncio.timeout(20), connection(pool) as con:
        while not await con.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"):
            assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await tables(pool) == {"things", "schema_migrations"}
    write(folder, m0003_slow="CREATE TABLE slow (id int);")
    assert await migrate(dsn, "jobs", folder) == ["0003_slow"]
