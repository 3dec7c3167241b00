"""Fail when a migration breaks a rule of docs/migrations.md that can be read off its SQL. Run through `make lint`.

A table that the same file makes is nobody's yet: what concerns running code and locks is not asked of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tseeder_pg.migration_files import MigrationError, read_migrations

ROOT: Final = Path(__file__).resolve().parent.parent
ALLOWED: Final[Mapping[str, str]] = {
    # path: why its statements need no markers
    "services/jobs/migrations/0002_indexes.sql": "before the first release, when every table was empty",
}
SHORTEST_REASON: Final = 10

_TOKEN: Final = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<quoted>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<end>;)|(?P<text>.)",
    re.DOTALL,
)
_MARKER: Final = re.compile(r"--\s*(contract|locks):\s*(.*)")
_TABLE: Final = r"(?:IF (?:NOT )?EXISTS )?(?:ONLY )?\"?(\w+)\"?"
_MAKES: Final = re.compile(rf"CREATE (?:UNLOGGED )?TABLE {_TABLE}", re.IGNORECASE)
_ALTERS: Final = re.compile(rf"ALTER TABLE {_TABLE}(.*)", re.IGNORECASE | re.DOTALL)
_INDEXES: Final = re.compile(
    r"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?(?:\w+ )?ON (?:ONLY )?\"?(\w+)\"?", re.IGNORECASE
)
_ALONE: Final = "-- no-transaction:"
_RUNS_ALONE: Final = re.compile(
    r"CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS |DROP INDEX CONCURRENTLY IF EXISTS ", re.IGNORECASE
)
_TRANSACTION: Final = re.compile(
    r"(BEGIN|COMMIT|ROLLBACK|ABORT|END|SAVEPOINT|RELEASE|START TRANSACTION|PREPARE TRANSACTION)\b", re.IGNORECASE
)
_SEARCH_PATH: Final = re.compile(r"\bsearch_path\b|\b(CREATE|ALTER|DROP) SCHEMA\b", re.IGNORECASE)

_CONSTRAINT: Final = r"(?:CONSTRAINT|CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)\b"

# What takes something away from the code that runs: pattern -> what it does.
_CONTRACTS: Final = (
    (re.compile(r"DROP (?!NOT NULL|DEFAULT|EXPRESSION|IDENTITY)", re.IGNORECASE), "drops something"),
    (re.compile(r"(.* )?RENAME ", re.IGNORECASE | re.DOTALL), "renames something"),
    (re.compile(r"ALTER (COLUMN )?\S+ (SET DATA )?TYPE ", re.IGNORECASE), "changes a type"),
    (re.compile(r"ALTER (COLUMN )?\S+ SET NOT NULL", re.IGNORECASE), "makes a column NOT NULL"),
    (
        re.compile(rf"ADD (COLUMN )?(?!COLUMN|{_CONSTRAINT})(?!.*\b(DEFAULT|GENERATED)\b).*\bNOT NULL\b", re.I | re.S),
        "adds NOT NULL without a default",
    ),
    (re.compile(rf"ADD {_CONSTRAINT}(?!.*NOT VALID)", re.I | re.S), "adds a constraint that is not NOT VALID"),
    (re.compile(r"TRUNCATE\b", re.IGNORECASE), "empties a table"),
)


@dataclass(frozen=True)
class Statement:
    """One statement: its first line, its text without comments and with quoted texts as '', its bodies, its markers."""

    line: int
    text: str
    bodies: str  # of functions
    markers: Mapping[str, str]


def statements(sql: str) -> Iterator[Statement]:
    """Those of a file, in order. A marker belongs to the statement that it stands before, or in."""
    markers: dict[str, str] = {}
    text, bodies, line, began = "", "", 1, 0
    for token in _TOKEN.finditer(sql):
        if token["end"]:
            yield Statement(began or line, " ".join(text.split()), bodies, markers)
            text, bodies, markers, began = "", "", {}, 0
        elif token["comment"]:
            marker = _MARKER.match(token["comment"])
            if marker:
                markers = {**markers, marker[1]: marker[2].strip()}
            text += " "
        else:
            text += "''" if token["quoted"] else token["text"]
            bodies += token["quoted"] if token["tag"] is not None else ""
            began = began or (0 if token[0].isspace() else line)
        line += token[0].count("\n")
    if text.strip():
        yield Statement(began, " ".join(text.split()), bodies, markers)


def complaints(others: frozenset[str], sql: str) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) for each rule that a file breaks; `others`: the schemas that are not its own."""
    ours: set[str] = set()
    alone = sql.startswith(_ALONE)
    if alone:
        yield from ((1, what) for what in _alone(sql))
    for each in statements(sql):
        ours.update(name.lower() for name in _MAKES.findall(each.text))
        found = [*_anywhere(each, others), *_marked(each, ours, alone)]
        yield from ((each.line, what) for what in found)


def _anywhere(each: Statement, others: frozenset[str]) -> Iterator[str]:
    if _TRANSACTION.match(each.text):
        yield "a file is one transaction already"
    if _SEARCH_PATH.search(each.text):
        yield "the schema, and the search path, are not a migration's to choose"
    for schema in sorted(others | {"public"}):
        if re.search(rf'(?<![\w.])"?{schema}"?\.', each.text + each.bodies, re.IGNORECASE):
            yield f"names the schema {schema}, which is not its own"


def _alone(sql: str) -> Iterator[str]:
    """What is wrong with a file that wants no transaction."""
    if len(sql.partition("\n")[0].removeprefix(_ALONE).strip()) < SHORTEST_REASON:
        yield f"say why: `{_ALONE} <reason>`"
    if [bool(_RUNS_ALONE.match(each.text)) for each in statements(sql)] != [True]:
        yield "without a transaction a file is one CREATE INDEX CONCURRENTLY IF NOT EXISTS, or one DROP INDEX so"


def _marked(each: Statement, ours: set[str], alone: bool) -> Iterator[str]:
    """What needs a marker with a reason, and has none."""
    for marker, what in _needed(each.text, ours, alone):
        if marker == "":
            yield what
        elif len(each.markers.get(marker, "")) < SHORTEST_REASON:
            yield f"{what}: say why that is right now, with `-- {marker}: <reason>` before it"


def _needed(text: str, ours: set[str], alone: bool) -> Iterator[tuple[str, str]]:
    """(marker, what the statement does); the marker is "" for what is never right."""
    index, alter = _INDEXES.match(text), _ALTERS.match(text)
    if index:
        if index[2] and not alone:
            yield "", f"CONCURRENTLY cannot run in a transaction, and a file is one unless it begins with `{_ALONE}`"
        elif index[1] and index[3].lower() not in ours:
            yield "contract", "makes something unique"
        elif not index[2] and index[3].lower() not in ours:
            yield "locks", "stops writes while it indexes"
        return
    if alter and alter[1].lower() in ours:
        return
    for action in _actions(alter[2]) if alter else (text,):
        yield from (("contract", what) for pattern, what in _CONTRACTS if pattern.match(action))


def _actions(text: str) -> Iterator[str]:
    """The actions of an ALTER TABLE: what commas outside of parentheses part."""
    depth, action = 0, ""
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            yield action.strip()
            action = ""
        else:
            action += char
    yield action.strip()


def check(root: Path) -> list[str]:
    """One line for each thing that is wrong in `root`/services/*/migrations."""
    folders = sorted(root.glob("services/*/migrations"))
    schemas = frozenset(folder.parent.name for folder in folders)
    found: list[str] = []
    for folder in folders:
        schema = folder.parent.name
        try:
            read_migrations(folder)
        except MigrationError as exc:
            found.append(f"{folder.relative_to(root)}: {exc}")
        for path in sorted(folder.glob("*.sql")):
            name = str(path.relative_to(root))
            if name not in ALLOWED:
                wrong = complaints(schemas - {schema}, path.read_text(encoding="utf-8"))
                found += [f"{name}:{line}: {what}" for line, what in wrong]
    return found


def main() -> int:
    """0: nothing is wrong."""
    found = check(ROOT)
    for line in found:
        sys.stdout.write(line + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
