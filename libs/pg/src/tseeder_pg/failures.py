"""What a driver error means to callers: database_unavailable, database_conflict, or what they must see as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from asyncpg import exceptions as pg

from tseeder_kit.errors import AppError, invalid, unavailable
from tseeder_kit.telemetry import counter

UNAVAILABLE: Final = "database_unavailable"
CONFLICT: Final = "database_conflict"

# Another try may well succeed: the other transaction will be over.
_CONFLICTS: Final = (
    pg.DeadlockDetectedError,
    pg.SerializationError,
    pg.LockNotAvailableError,
    # The schema was migrated under a prepared statement; asyncpg prepares it anew.
    pg.InvalidCachedStatementError,
)
_AWAY: Final = (
    pg.PostgresConnectionError,
    pg.InsufficientResourcesError,
    pg.OperatorInterventionError,  # shut down, starting up, statement_timeout
    pg.IdleInTransactionSessionTimeoutError,
    pg.ReadOnlySQLTransactionError,  # a failover left us on the standby
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
    OSError,
    TimeoutError,
)
_UNSTORABLE_TEXT: Final = (pg.CharacterNotInRepertoireError, pg.UntranslatableCharacterError)

_ENDED: Final = (
    "connection is closed",
    "connection has been closed",
    "pool is clos",
    # A connection that ends is taken away from who holds it, so that its next statement is told that it was released.
    # We release at the end of `connection` only, where these errors are no longer translated.
    "connection has been released back to the pool",
)

# What asyncpg takes for defects of its own, and is the end of a connection at certain moments.
_CALLED_DEFECTS: Final = (
    # The server's last words have come, and the end has not: in its state 2 asyncpg waits for a ReadyForQuery that no
    # dying server sends, and meets a statement.
    "another operation (2)",
    # The end comes while the connection is on its way back to the pool, which has it back already.
    "release() called on a free connection holder",
)

_errors = counter("pg_errors", "Database errors that callers saw as AppError", ("code",))


@contextmanager
def as_app_errors() -> Iterator[None]:
    """Turns the driver's errors into AppErrors; what tells a store something (UniqueViolation) passes untouched."""
    try:
        yield
    except (pg.PostgresError, pg.InterfaceError, pg.InternalClientError, OSError, TimeoutError) as exc:
        known = translated(exc)
        if known is None:
            raise
        _errors.labels(known.code).inc()
        raise known from exc


def translated(exc: BaseException) -> AppError | None:
    """The AppError for a driver error, or None if it must be seen as it is."""
    if isinstance(exc, _CONFLICTS):
        return unavailable(CONFLICT, "Another change to the same data was under way; try again.")
    if isinstance(exc, _AWAY) or _connection_is_lost(exc):
        return unavailable(UNAVAILABLE, "The database cannot be reached at the moment; try again.")
    if isinstance(exc, _UNSTORABLE_TEXT) or isinstance(exc.__cause__, UnicodeEncodeError):
        return invalid("text_not_storable", "A text holds characters that cannot be stored (NUL or a lone surrogate).")
    return None


def _connection_is_lost(exc: BaseException) -> bool:
    if isinstance(exc, pg.InternalClientError):
        return any(words in str(exc) for words in _CALLED_DEFECTS)
    # InterfaceError also stands for misuse of the driver, and has no code that would tell the two apart.
    if not isinstance(exc, asyncpg.InterfaceError):
        return False
    return any(words in str(exc) for words in _ENDED)
