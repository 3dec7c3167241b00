"""Transactions, their errors, and the session's settings."""

import asyncio

import pytest

from tseeder_kit.errors import AppError, Kind, conflict
from tseeder_pg import (
    LockNotAvailable,
    Pool,
    UniqueViolation,
    connection,
    constraint_of,
    open_pool,
    ping,
    retrying,
    transaction,
)
from tseeder_pg import pool as pool_module


@pytest.fixture(autouse=True)
async def _things(pool: Pool) -> None:
    async with transaction(pool) as tx:
        await tx.execute("CREATE TABLE things (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, data jsonb, name text)")
        await tx.execute("INSERT INTO things (id) VALUES (1), (2)")


async def count(pool: Pool) -> int:
    async with connection(pool) as con:
        found: int = await con.fetchval("SELECT count(*) FROM things")
        return found


async def test_a_transaction_commits_at_the_end(pool: Pool) -> None:
    async with transaction(pool) as tx:
        await tx.execute("INSERT INTO things VALUES (3)")
    assert await count(pool) == 3


async def test_a_transaction_rolls_back_on_an_error(pool: Pool) -> None:
    async def refuse() -> None:
        async with transaction(pool) as tx:
            await tx.execute("INSERT INTO things VALUES (4)")
            raise conflict("stop", "x")

    with pytest.raises(AppError, match="stop"):
        await refuse()
    assert await count(pool) == 2


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_is_used_again(pool: Pool) -> None:
    async def never_ends() -> None:
        async with transaction(pool) as tx:
            await tx.execute("INSERT INTO things VALUES (5)")
            await tx.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(never_ends())
    async with asyncio.timeout(20), connection(pool) as con:
        while not await con.fetchval("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"):
            assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(pool) == 2


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [1, "x"], "text", 3, None, {}])
async def test_jsonb_is_python_both_ways(pool: Pool, value: object) -> None:
    async with transaction(pool) as tx:
        await tx.execute("UPDATE things SET data = $1 WHERE id = 1", value)
        assert await tx.fetchval("SELECT data FROM things WHERE id = 1") == value


async def test_nan_does_not_become_json(pool: Pool) -> None:
    with pytest.raises(Exception, match="not JSON compliant"):
        async with transaction(pool) as tx:
            await tx.execute("UPDATE things SET data = $1", float("nan"))


async def test_violations_reach_the_store_as_they_are(pool: Pool) -> None:
    with pytest.raises(UniqueViolation) as caught:
        async with transaction(pool) as tx:
            await tx.execute("INSERT INTO things VALUES (1)")
    assert constraint_of(caught.value) == "things_pkey"


async def test_a_lock_that_is_not_to_be_had_at_once_can_be_told_apart_inside(pool: Pool) -> None:
    async with transaction(pool) as first, transaction(pool) as second:
        await first.execute("SELECT * FROM things WHERE id = 1 FOR UPDATE")
        with pytest.raises(LockNotAvailable):
            async with second.transaction():
                await second.execute("SELECT * FROM things WHERE id = 1 FOR UPDATE NOWAIT")
        assert await second.fetchval("SELECT count(*) FROM things") == 2


@pytest.mark.parametrize("text", ["a\0b", "lone \ud800"])
async def test_text_that_cannot_be_stored_is_the_callers_error(pool: Pool, text: str) -> None:
    for column, value in (("name", text), ("data", {"k": text})):
        with pytest.raises(AppError) as caught:
            async with transaction(pool) as tx:
                await tx.execute(f"UPDATE things SET {column} = $1", value)  # noqa: S608
        assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "text_not_storable")


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(dsn: str) -> None:
    async with open_pool(dsn, application_name="test", statement_timeout_ms=50) as pool:
        with pytest.raises(AppError) as caught:
            async with transaction(pool) as tx:
                await tx.execute("SELECT pg_sleep(30)")
        assert caught.value.code == "database_unavailable"
        assert await count(pool) == 2


async def test_no_free_connection_is_unavailable(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "ACQUIRE_SECONDS", 0.05)
    async with open_pool(dsn, application_name="test", max_size=1) as pool, connection(pool):
        with pytest.raises(AppError) as caught:
            await ping(pool)
    assert caught.value.code == "database_unavailable"


async def test_every_session_has_its_limits_and_its_name(dsn: str) -> None:
    async with open_pool(dsn, application_name="tseeder-jobs", statement_timeout_ms=7_000) as pool:
        async with connection(pool) as con:
            rows = await con.fetch("SELECT name, setting FROM pg_settings")
    settings = {row["name"]: row["setting"] for row in rows}
    assert settings["application_name"] == "tseeder-jobs"
    assert settings["statement_timeout"] == "7000"
    assert settings["lock_timeout"] == "5000"
    assert settings["idle_in_transaction_session_timeout"] == "15000"
    assert settings["TimeZone"] == "UTC"


async def test_a_deadlock_is_a_conflict_and_retrying_gets_through(pool: Pool) -> None:
    both_hold = asyncio.Barrier(2)
    first_round = {1, 2}

    async def add(first: int, second: int) -> None:
        async with transaction(pool) as tx:
            await tx.execute("UPDATE things SET n = n + 1 WHERE id = $1", first)
            if first in first_round:
                first_round.discard(first)
                await both_hold.wait()
            await tx.execute("UPDATE things SET n = n + 1 WHERE id = $1", second)

    await asyncio.gather(retrying(lambda: add(1, 2)), retrying(lambda: add(2, 1)))
    async with connection(pool) as con:
        assert await con.fetchval("SELECT sum(n) FROM things") == 4


async def test_a_serialization_failure_is_retried(pool: Pool) -> None:
    both_have_read = asyncio.Barrier(2)
    tries = 0

    async def add() -> None:
        nonlocal tries
        tries += 1
        async with transaction(pool, isolation="repeatable_read") as tx:
            n = await tx.fetchval("SELECT n FROM things WHERE id = 1")
            if tries <= 2:
                await both_have_read.wait()
            await tx.execute("UPDATE things SET n = $1 WHERE id = 1", n + 1)

    await asyncio.gather(retrying(add), retrying(add))
    async with connection(pool) as con:
        assert await con.fetchval("SELECT n FROM things WHERE id = 1") == 2
    assert tries == 3


async def test_retrying_gives_up_in_the_end_and_at_once_on_anything_else() -> None:
    tries = 0

    async def fail(code: str) -> None:
        nonlocal tries
        tries += 1
        raise AppError(Kind.UNAVAILABLE, code, "x")

    with pytest.raises(AppError):
        await retrying(lambda: fail("database_conflict"), attempts=3)
    assert tries == 3
    with pytest.raises(AppError):
        await retrying(lambda: fail("database_unavailable"))
    assert tries == 4


async def test_a_statement_prepared_before_a_migration_is_a_conflict_once(pool: Pool) -> None:
    async def read_alter_read() -> None:
        async with connection(pool) as old:
            await old.fetch("SELECT * FROM things")
            async with connection(pool) as other:
                await other.execute("ALTER TABLE things ADD COLUMN more int")
            async with old.transaction():
                await old.fetch("SELECT * FROM things")

    with pytest.raises(AppError) as caught:
        await read_alter_read()
    assert caught.value.code == "database_conflict"
    async with connection(pool) as old:
        assert len(await old.fetch("SELECT * FROM things")) == 2
