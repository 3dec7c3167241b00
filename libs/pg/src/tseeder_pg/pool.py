"""The pool, and transactions on it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar

import asyncpg

from tseeder_kit.errors import AppError
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_kit.telemetry import counter, gauge, histogram
from tseeder_pg.failures import CONFLICT, as_app_errors
from tseeder_pg.types import Connection, Pool, Tx

Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]
T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
ACQUIRE_SECONDS: Final = 5.0
LOCK_TIMEOUT_MS: Final = 5_000
IDLE_IN_TRANSACTION_MS: Final = 15_000
_CLOSE_SECONDS: Final = 5.0
# The server ends a statement first; this is for a server that does not answer at all.
_BEYOND_STATEMENT_SECONDS: Final = 5.0

_wait = histogram("pg_pool_wait_seconds", "Time until a pooled connection was at hand")
_held = gauge("pg_pool_in_use", "Pooled connections in use")
_retries = counter("pg_retries", "Transactions run again after a deadlock or a serialization failure")
_log = get_logger(__name__)


@asynccontextmanager
async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str,
    statement_timeout_ms: int = 15_000,
) -> AsyncIterator[Pool]:
    """A pool, at once, whether Postgres is there or not.

    While it is away every use fails with UNAVAILABLE `database_unavailable`; in the background the first `min_size`
    connections are tried with back-off until they stand. Connections that died are replaced when they are next
    wanted. `jsonb` and `json` are Python values both ways. The session's settings are fixed: never SET or take a
    session lock on a pooled connection, since nothing resets it.
    """
    pool: Pool = asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_timeout_ms / 1000 + _BEYOND_STATEMENT_SECONDS,
        init=use_json,
        reset=_keep_session,
        server_settings=session_settings(application_name, statement_timeout_ms),
    )
    await pool  # opens no connection, since min_size is 0
    warming = asyncio.create_task(_warm_up(pool, min(min_size, max_size)), name="pg-warm-up")
    try:
        yield pool
    finally:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        await _close(pool)


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection without a transaction, for single statements; errors are mapped as in `transaction`."""
    with as_app_errors():
        began = time.perf_counter()
        held = await pool.acquire(timeout=ACQUIRE_SECONDS)
        _wait.observe(time.perf_counter() - began)
        with _held.track_inprogress():
            try:
                yield held
            finally:
                await pool.release(held)


@asynccontextmanager
async def transaction(
    pool: Pool, *, isolation: Isolation = "read_committed", readonly: bool = False
) -> AsyncIterator[Tx]:
    """A transaction: committed when the block ends, rolled back when it raises.

    A lost connection, a time-out or too many connections become UNAVAILABLE `database_unavailable`; a deadlock, a
    serialization failure or a lock time-out UNAVAILABLE `database_conflict`. If the connection is lost during COMMIT
    nobody knows whether it took place: callers repeat with an idempotency key, or look.
    """
    async with connection(pool) as held, held.transaction(isolation=isolation, readonly=readonly):
        yield held


async def ping(pool: Pool) -> None:
    """Raises UNAVAILABLE unless Postgres answers; the readiness check."""
    async with connection(pool) as held:
        await held.fetchval("SELECT 1")


async def retrying(fn: Callable[[], Awaitable[T]], *, attempts: int = 4) -> T:
    """Runs `fn`, which opens its own transaction, again after `database_conflict`: at most `attempts` times in all."""
    next_pause = pauses(0.02, 0.5)
    for _ in range(attempts - 1):
        try:
            return await fn()
        except AppError as exc:
            if exc.code != CONFLICT:
                raise
            _retries.inc()
            await asyncio.sleep(next_pause())
    return await fn()


def session_settings(
    application_name: str, statement_timeout_ms: int, lock_timeout_ms: int = LOCK_TIMEOUT_MS
) -> dict[str, str]:
    """What every session of ours is started with."""
    return {
        "application_name": application_name,
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        "timezone": "UTC",
    }


async def use_json(con: "asyncpg.Connection[Any]") -> None:
    """Makes json and jsonb Python values on a connection."""
    for name in ("json", "jsonb"):
        await con.set_type_codec(name, schema="pg_catalog", encoder=_dumps, decoder=json.loads)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


async def _keep_session(_con: "asyncpg.Connection[Any]") -> None:
    """Instead of RESET ALL and its round trip on every release; asyncpg still rolls back what is open."""


async def _warm_up(pool: Pool, size: int) -> None:
    next_pause = pauses()
    while size:
        try:
            await asyncio.gather(*(ping(pool) for _ in range(size)))
        except AppError as exc:
            pause = next_pause()
            _log.warning(
                "database_away", code=exc.code, again_in_seconds=round(pause, 2), cause=type(exc.__cause__).__name__
            )
            await asyncio.sleep(pause)
        else:
            _log.info("database_connected")
            return


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.InterfaceError) as exc:
        _log.warning("pool_terminated", cause=type(exc).__name__)
        pool.terminate()
