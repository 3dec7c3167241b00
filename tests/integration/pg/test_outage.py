"""Postgres away at the start, and killed under us: calls say so at once, and it all comes back by itself."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from asyncpg import exceptions as pg

from tests.ports import PORTS
from tseeder_kit.errors import AppError
from tseeder_pg import Connection, Pool, connection, migrate, open_pool, ping, transaction
from tseeder_pg import pool as pool_module
from tseeder_pg.failures import translated
from tseeder_stack import backing
from tseeder_stack.options import StackOptions
from tseeder_stack.provision import Database
from tseeder_stack.site import Site


@pytest.fixture
async def own_site(state: Path) -> AsyncIterator[Site]:
    # With fsync and synchronous commit: what was committed must outlive the kill.
    async with Site(StackOptions(state=state)) as site:
        yield site


async def until_answers(pool: Pool) -> None:
    async with asyncio.timeout(30):
        while (code := await trouble(pool)) is not None:
            assert code == "database_unavailable"
            await asyncio.sleep(0.02)


async def trouble(pool: Pool) -> str | None:
    try:
        await ping(pool)
    except AppError as exc:
        return exc.code
    return None


async def kill_inside_a_transaction(pool: Pool, site: Site) -> None:
    async with transaction(pool) as tx:
        await tx.execute("INSERT INTO things VALUES (1)")
        site.child("postgres").kill()
        await tx.execute("SELECT pg_sleep(60)")


async def test_a_killed_postgres_is_found_again_and_no_dead_connection_is_handed_out(own_site: Site) -> None:
    dsn = await backing.start_postgres(own_site)
    async with open_pool(dsn, application_name="test", min_size=4, max_size=4) as pool:
        async with transaction(pool) as tx:
            await tx.execute("CREATE TABLE things (id int)")
        with pytest.raises(AppError) as caught:
            await kill_inside_a_transaction(pool, own_site)
        assert caught.value.code == "database_unavailable"
        await own_site.child("postgres").wait_ready(30)
        await until_answers(pool)
        # Each of the four, at once: none of the dead ones is left in the pool.
        async with AsyncExitStack() as stack:
            held = [await stack.enter_async_context(connection(pool)) for _ in range(4)]
            assert [await con.fetchval("SELECT count(*) FROM things") for con in held] == [0] * 4


async def test_a_statement_between_a_servers_last_words_and_its_end(database: Database) -> None:
    async with open_pool(database.urls["jobs"], application_name="test") as pool:
        with pytest.raises(AppError) as caught:
            await _commit_at_the_last_words(pool)
        assert caught.value.code == "database_unavailable"
        assert isinstance(caught.value.__cause__, pg.InternalClientError)
        await until_answers(pool)


async def end_of(con: Connection) -> None:
    """Ends a connection's server process, and returns when the driver has seen it."""
    ended = asyncio.Event()
    con.add_termination_listener(lambda _: ended.set())
    os.kill(await con.fetchval("SELECT pg_backend_pid()"), signal.SIGTERM)
    async with asyncio.timeout(20):
        await ended.wait()


async def test_a_statement_after_the_end_of_its_connection(database: Database) -> None:
    async def read_on(pool: Pool) -> None:
        async with connection(pool) as con:
            await end_of(con)
            await con.execute("SELECT 1")

    async with open_pool(database.urls["jobs"], application_name="test") as pool:
        with pytest.raises(AppError) as caught:
            await read_on(pool)
        assert caught.value.code == "database_unavailable"
        assert "released back to the pool" in str(caught.value.__cause__)
        await until_answers(pool)


async def test_a_connection_that_ends_while_it_is_given_back(database: Database) -> None:
    async def look(pool: Pool) -> None:
        async with connection(pool) as con:
            cable: socket.socket = con._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            cable.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)  # the end is read in this round of the loop,
            await asyncio.sleep(0)  # and told to the driver in the next one, where the connection is given back

    async with open_pool(database.urls["jobs"], application_name="test", max_size=1) as pool:
        with pytest.raises(AppError) as caught:
            await look(pool)
        assert caught.value.code == "database_unavailable"
        assert "release() called on a free connection holder" in str(caught.value.__cause__)
        await until_answers(pool)


async def test_a_commit_after_the_end_of_its_connection(database: Database) -> None:
    async def commit(pool: Pool) -> None:
        async with transaction(pool) as tx:
            await end_of(tx)

    async with open_pool(database.urls["jobs"], application_name="test") as pool:
        with pytest.raises(AppError) as caught:
            await commit(pool)
        assert caught.value.code == "database_unavailable"


async def _commit_at_the_last_words(pool: Pool) -> None:
    async with transaction(pool) as tx:
        os.kill(await tx.fetchval("SELECT pg_backend_pid()"), signal.SIGTERM)
        time.sleep(0.3)  # noqa: ASYNC251 - nothing is read meanwhile, so that both wait in the socket
        await asyncio.sleep(0)  # the next round of the loop reads the last words,
        await asyncio.sleep(0)  # and the one after this the end: COMMIT comes before it


async def test_a_pool_opens_while_postgres_is_away_and_works_once_it_is_there(own_site: Site) -> None:
    dsn = await backing.start_postgres(own_site)
    await own_site.child("postgres").stop()
    async with open_pool(dsn, application_name="test") as pool:
        with pytest.raises(AppError) as caught:
            await ping(pool)
        assert caught.value.code == "database_unavailable"
        await own_site.child("postgres").start(30)
        await until_answers(pool)


async def test_migrate_waits_for_postgres_and_gives_up_in_the_end(tmp_path: Path) -> None:
    dsn = f"postgresql://nobody:x@127.0.0.1:{PORTS.pick('none')}/none"
    with pytest.raises(AppError) as caught:
        await migrate(dsn, "jobs", tmp_path, wait_seconds=0.3)
    assert caught.value.code == "database_unavailable"


async def test_a_postgres_that_is_frozen_or_cut_off_holds_nobody_for_long(
    own_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_BEYOND_STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(pool_module, "ACQUIRE_SECONDS", 0.5)
    dsn = await backing.start_postgres(own_site)
    async with open_pool(dsn, application_name="test", min_size=0, statement_timeout_ms=200) as pool:
        async with connection(pool) as con:
            backend = await con.fetchval("SELECT pg_backend_pid()")
            frozen = [backend, own_site.child("postgres").pid]
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                # One on the connection that is frozen, one that needs a new connection.
                assert [await trouble(pool), await failing_statement(con)] == ["database_unavailable"] * 2
                assert time.monotonic() - began < 5
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
        await until_answers(pool)


async def failing_statement(con: Connection) -> str:
    with pytest.raises(TimeoutError) as caught:
        await con.execute("SELECT 1")
    error = translated(caught.value)
    return error.code if error else "none"
