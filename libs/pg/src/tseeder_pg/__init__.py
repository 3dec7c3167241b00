"""Postgres for the services: pool, transactions, migrations, and the feed (tseeder_pg.feed)."""

from tseeder_pg.failures import CONFLICT
from tseeder_pg.migrations import MigrationError, migrate, migrations_dir
from tseeder_pg.pool import connection, open_pool, ping, retrying, transaction
from tseeder_pg.types import (
    CheckViolation,
    Connection,
    ConstraintViolation,
    ExclusionViolation,
    ForeignKeyViolation,
    LockNotAvailable,
    NotNullViolation,
    Pool,
    Record,
    Tx,
    UniqueViolation,
    constraint_of,
)

__all__ = [
    "CONFLICT",
    "CheckViolation",
    "Connection",
    "ConstraintViolation",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "LockNotAvailable",
    "MigrationError",
    "NotNullViolation",
    "Pool",
    "Record",
    "Tx",
    "UniqueViolation",
    "connection",
    "constraint_of",
    "migrate",
    "migrations_dir",
    "open_pool",
    "ping",
    "retrying",
    "transaction",
]
