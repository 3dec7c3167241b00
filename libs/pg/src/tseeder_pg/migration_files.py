"""Migration files: their names, their order, their fingerprints."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_SCHEMA_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class MigrationError(Exception):
    """The files, or the history in the database, are not as they must be; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str
    sha256: str

    @property
    def alone(self) -> bool:
        """Whether it says `-- no-transaction: <reason>` on its first line: one statement, such as an index of a large
        table, that no transaction may hold."""
        return self.sql.startswith("-- no-transaction:")

    @property
    def file_name(self) -> str:
        """`0001_name`."""
        return f"{self.version:04}_{self.name}"


def check_schema_name(schema: str) -> None:
    """Raises MigrationError unless it can stand in SQL as it is."""
    if not _SCHEMA_NAME.fullmatch(schema):
        raise MigrationError(f"{schema!r} is no name for a schema")


def read_migrations(directory: Path) -> list[Migration]:
    """The files in order. Raises MigrationError unless they are 0001, 0002, ... without a gap or a stranger."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is called NNNN_name.sql")
        raw = path.read_bytes()
        found.append(Migration(int(match[1]), match[2], raw.decode("utf-8"), hashlib.sha256(raw).hexdigest()))
    for expected, migration in enumerate(found, start=1):
        if migration.version < expected:
            raise MigrationError(f"migration {migration.version:04} is there twice")
        if migration.version > expected:
            raise MigrationError(f"migration {expected:04} is missing")
    return found
