"""Which driver errors become which AppError, and which go through."""

import pytest
from asyncpg import exceptions as pg

from tseeder_kit.errors import AppError, Kind
from tseeder_pg.failures import as_app_errors, translated


def code(error: BaseException) -> tuple[Kind, str] | None:
    found = translated(error)
    return None if found is None else (found.kind, found.code)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        pg.ConnectionDoesNotExistError("x"),
        pg.ConnectionFailureError("x"),
        pg.CannotConnectNowError("x"),
        pg.AdminShutdownError("x"),
        pg.CrashShutdownError("x"),
        pg.TooManyConnectionsError("x"),
        pg.DiskFullError("x"),
        pg.QueryCanceledError("x"),
        pg.IdleInTransactionSessionTimeoutError("x"),
        pg.ReadOnlySQLTransactionError("x"),
        pg.InvalidPasswordError("x"),
        pg.InterfaceError("connection is closed"),
        pg.InterfaceError("cannot perform operation: connection is closed"),
        pg.InterfaceError("pool is closing"),
        pg.InterfaceError("cannot call Connection.execute(): connection has been released back to the pool"),
        pg.InterfaceError(
            "cannot call Transaction.__aexit__(): the underlying connection has been released back to the pool"
        ),
        pg.InternalClientError("PoolConnectionHolder.release() called on a free connection holder"),
        pg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        pg.InterfaceError("cannot call PreparedStatement.fetch(): the underlying connection is closed"),
    ],
)
def test_away(error: Exception) -> None:
    assert code(error) == (Kind.UNAVAILABLE, "database_unavailable")


@pytest.mark.parametrize(
    "error",
    [
        pg.DeadlockDetectedError("x"),
        pg.SerializationError("x"),
        pg.LockNotAvailableError("x"),
        pg.InvalidCachedStatementError("x"),
    ],
)
def test_conflict(error: Exception) -> None:
    assert code(error) == (Kind.UNAVAILABLE, "database_conflict")


@pytest.mark.parametrize("error", [pg.UntranslatableCharacterError("x"), pg.CharacterNotInRepertoireError("x")])
def test_text_that_cannot_be_stored(error: Exception) -> None:
    assert code(error) == (Kind.INVALID, "text_not_storable")


@pytest.mark.parametrize(
    "error",
    [
        pg.UniqueViolationError("x"),
        pg.CheckViolationError("x"),
        pg.ForeignKeyViolationError("x"),
        pg.UndefinedTableError("x"),
        pg.InterfaceError("another operation is in progress"),
        pg.InternalClientError("cannot switch to state 11; another operation (12) is in progress"),
        pg.InternalClientError("got result for unknown protocol state 7"),
    ],
)
def test_what_means_something_to_a_store_goes_through(error: Exception) -> None:
    assert code(error) is None
    with pytest.raises(type(error)), as_app_errors():
        raise error


def test_the_cause_is_chained_and_not_told() -> None:
    with pytest.raises(AppError) as caught, as_app_errors():
        raise ConnectionRefusedError("postgres://u:hunter2@h")
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert "hunter2" not in str(caught.value)


def test_our_own_errors_are_left_alone() -> None:
    error = AppError(Kind.NOT_FOUND, "job_not_found", "No such job.")
    with pytest.raises(AppError) as caught, as_app_errors():
        raise error
    assert caught.value is error
