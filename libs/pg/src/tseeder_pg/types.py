"""The driver's types under our names, and its errors that a store tells apart. Only tseeder_pg imports asyncpg."""

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import asyncpg.pool
from asyncpg.exceptions import (
    CheckViolationError as CheckViolation,
)
from asyncpg.exceptions import (
    ExclusionViolationError as ExclusionViolation,
)
from asyncpg.exceptions import (
    ForeignKeyViolationError as ForeignKeyViolation,
)
from asyncpg.exceptions import (
    IntegrityConstraintViolationError as ConstraintViolation,
)
from asyncpg.exceptions import (
    LockNotAvailableError as LockNotAvailable,
)
from asyncpg.exceptions import (
    NotNullViolationError as NotNullViolation,
)
from asyncpg.exceptions import (
    UniqueViolationError as UniqueViolation,
)

__all__ = [
    "CheckViolation",
    "Connection",
    "ConstraintViolation",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "LockNotAvailable",
    "NotNullViolation",
    "Pool",
    "Record",
    "Tx",
    "UniqueViolation",
    "constraint_of",
]

Record: TypeAlias = asyncpg.Record

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.pool.PoolConnectionProxy

# A connection inside a transaction: what every store function takes first.
Tx: TypeAlias = Connection


def constraint_of(error: ConstraintViolation) -> str:
    """The name of the constraint or unique index that was violated; "" if the server did not say."""
    return error.constraint_name or ""
