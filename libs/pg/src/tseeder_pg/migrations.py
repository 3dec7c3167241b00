"""Forward-only migrations: numbered SQL files, each in a transaction of its own, by one process at a time."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from tseeder_kit.errors import AppError, unavailable
from tseeder_kit.logging import get_logger
from tseeder_kit.loops import pauses
from tseeder_pg.failures import CONFLICT, as_app_errors, translated
from tseeder_pg.migration_files import Migration, MigrationError, check_schema_name, read_migrations
from tseeder_pg.pool import CONNECT_SECONDS, session_settings

__all__ = ["MigrationError", "migrate", "migrations_dir"]

if TYPE_CHECKING:
    _Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

LOCK_TIMEOUT_MS: Final = 5_000
STATEMENT_TIMEOUT_MS: Final = 60_000
ALONE_TIMEOUT_MS: Final = 3_600_000
LOCK_PAUSE_SECONDS: Final = 0.1
_LOCK_ATTEMPTS: Final = 5
LOCKED: Final = "migration_locked"

_HISTORY_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

# What a CREATE INDEX CONCURRENTLY that did not come to its end has left. We hold the migrations' lock: none is ongoing.
_INVALID_INDEXES: Final = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND NOT i.indisvalid AND c.relkind = 'i'
"""

_SET_TIMEOUTS: Final = "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)"

_HOLDER: Final = """
SELECT 'pid ' || a.pid || ', ' || a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)
"""

_log = get_logger(__name__)


def migrations_dir(package: str) -> Path:
    """Where a service's migrations are: `<package>/migrations` in a wheel, `<service>/migrations` in the tree."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MigrationError(f"there is no package {package}")
    inside = Path(next(iter(spec.submodule_search_locations)))
    for candidate in (inside / "migrations", inside.parent.parent / "migrations"):
        if candidate.is_dir():
            return candidate
    raise MigrationError(f"{package} has no migrations")


async def migrate(dsn: str, schema: str, directory: Path, *, wait_seconds: float = 60.0) -> list[str]:
    """Brings `schema` up to the files in `directory`; gives the names of those that it applied.

    Any number of processes may call it at once: they take turns. Waits up to `wait_seconds` for Postgres and for its
    turn, then raises AppError UNAVAILABLE, `migration_locked` if another one holds the turn. Raises MigrationError when
    an applied file has changed or is gone, and when one fails or gives up by its time-outs; versions newer than the
    files are left alone (old code on a new schema, as expand/contract promises).
    """
    check_schema_name(schema)
    migrations = read_migrations(directory)
    async with _turn(dsn, schema, wait_seconds) as con:
        pending = _pending(migrations, await _history(con, schema))
        for each in pending:
            await _apply(con, schema, each)
    return [each.file_name for each in pending]


@asynccontextmanager
async def _turn(dsn: str, schema: str, wait_seconds: float) -> AsyncIterator[_Connection]:
    """A connection that holds the schema's migration lock, with our time-outs and the schema as its search path."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    con = await _connect(dsn, schema, deadline)
    try:
        with as_app_errors():
            await _lock(con, schema, max(0.1, deadline - loop.time()))
            await con.execute(_SET_TIMEOUTS, str(LOCK_TIMEOUT_MS), str(STATEMENT_TIMEOUT_MS))
            await con.execute("SELECT set_config('search_path', $1, false)", schema)
        yield con
    finally:
        await _hang_up(con)


async def _lock(con: _Connection, schema: str, seconds: float) -> None:
    """Takes the schema's migration lock. UNAVAILABLE `migration_locked` if somebody holds it for longer."""
    key = f"tseeder.migrate.{schema}"
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    # Session level: it has to span the transactions of all files. It goes with the connection. Asked for again and
    # again: a session that waits in pg_advisory_lock has a snapshot, for whose end a CREATE INDEX CONCURRENTLY waits.
    while not await con.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key):
        if loop.time() > deadline:
            holder = await con.fetchval(_HOLDER, key)
            raise unavailable(
                LOCKED,
                f"Another process ({holder or 'gone by now'}) holds the migration lock of the schema {schema}; "
                f"given up after {seconds:.0f} s.",
            )
        await asyncio.sleep(LOCK_PAUSE_SECONDS)


async def _connect(dsn: str, schema: str, deadline: float) -> _Connection:
    loop = asyncio.get_running_loop()
    # No time-outs on the server yet: waiting for one's turn is no reason to fail.
    settings = session_settings(f"migrate {schema}", statement_timeout_ms=0, lock_timeout_ms=0)
    next_pause = pauses(0.1, 2.0)
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, server_settings=settings)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as exc:
            known = translated(exc)
            if known is None:
                raise
            pause = next_pause()
            if loop.time() + pause > deadline:
                raise known from exc
            _log.warning("database_away", schema=schema, cause=type(exc).__name__)
            await asyncio.sleep(pause)


async def _history(con: _Connection, schema: str) -> dict[int, str]:
    """version -> sha256 of what was applied; makes the schema (if the role may, and it is not there) and the table."""
    try:
        with as_app_errors():
            # CREATE SCHEMA IF NOT EXISTS asks for the right to create before it looks; the role need not have it.
            if not await con.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema):
                await con.execute(f'CREATE SCHEMA "{schema}"')
            await con.execute(_HISTORY_TABLE)
            rows = await con.fetch("SELECT version, sha256 FROM schema_migrations")
    except asyncpg.PostgresError as exc:
        raise MigrationError(f"the schema {schema} cannot be prepared: {exc}") from exc
    return {row["version"]: row["sha256"] for row in rows}


def _pending(migrations: Sequence[Migration], applied: Mapping[int, str]) -> list[Migration]:
    changed = [each.file_name for each in migrations if applied.get(each.version, each.sha256) != each.sha256]
    if changed:
        raise MigrationError(f"{', '.join(changed)} changed after it was applied; write a new migration instead")
    known = {each.version for each in migrations}
    gone = sorted(version for version in applied if version not in known and version < max(known, default=0))
    if gone:
        raise MigrationError(f"migration {gone[0]:04} was applied and its file is gone")
    pending = [each for each in migrations if each.version not in applied]
    newest = max(applied, default=0)
    if pending and pending[0].version < newest:
        raise MigrationError(f"{pending[0].file_name} is new, but {newest:04} was applied already")
    return pending


async def _apply(con: _Connection, schema: str, migration: Migration) -> None:
    """Applies one file; a lock that is not to be had in 5 s is tried again, so that it never stalls live traffic."""
    next_pause = pauses(0.5, 5.0)
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with as_app_errors():
                await (_run_alone if migration.alone else _run)(con, migration)
        except AppError as exc:
            if isinstance(exc.__cause__, asyncpg.QueryCanceledError):
                limit = ALONE_TIMEOUT_MS if migration.alone else STATEMENT_TIMEOUT_MS
                raise _gave_up(migration, f"a statement took longer than {limit / 1000:g} s") from exc
            if exc.code != CONFLICT:
                raise
            if attempt == _LOCK_ATTEMPTS:
                why = f"a lock that it needs was held for longer than {LOCK_TIMEOUT_MS / 1000:g} s, {attempt} times"
                raise _gave_up(migration, why) from exc
            _log.warning("migration_waits_for_lock", schema=schema, migration=migration.file_name, attempt=attempt)
            await asyncio.sleep(next_pause())
        except asyncpg.PostgresError as exc:
            raise MigrationError(f"{migration.file_name} failed: {exc}") from exc
        else:
            _log.info("migration_applied", schema=schema, migration=migration.file_name)
            return


def _gave_up(migration: Migration, why: str) -> MigrationError:
    left = "the next try clears what it left" if migration.alone else "nothing of it was applied"
    return MigrationError(f"{migration.file_name} gave up: {why}; {left}")


async def _run(con: _Connection, migration: Migration) -> None:
    async with con.transaction():
        ours = await con.fetchval("SELECT pg_current_xact_id()::text")
        await con.execute(migration.sql)
        if await con.fetchval("SELECT pg_current_xact_id()::text") != ours:
            raise MigrationError(f"{migration.file_name} ends its transaction; it must not say COMMIT or ROLLBACK")
        await _record(con, migration)


async def _run_alone(con: _Connection, migration: Migration) -> None:
    """Outside of a transaction, and with time: it stops nobody. Half of it may stay, so it begins by clearing that."""
    for row in await con.fetch(_INVALID_INDEXES):
        await con.execute(f'DROP INDEX "{row["relname"]}"')
    await con.execute(_SET_TIMEOUTS, "0", str(ALONE_TIMEOUT_MS))
    try:
        await con.execute(migration.sql)  # one statement: of several, Postgres makes a transaction
    finally:
        if not con.is_closed():
            await con.execute(_SET_TIMEOUTS, str(LOCK_TIMEOUT_MS), str(STATEMENT_TIMEOUT_MS))
    await _record(con, migration)


async def _record(con: _Connection, migration: Migration) -> None:
    sql = "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)"
    await con.execute(sql, migration.version, migration.name, migration.sha256)


async def _hang_up(con: _Connection) -> None:
    try:
        await con.close(timeout=CONNECT_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as exc:
        _log.warning("connection_terminated", cause=type(exc).__name__)
        con.terminate()
