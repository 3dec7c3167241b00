"""Each rule that scripts/check_migrations.py holds, with a migration that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_migrations import ROOT, check, complaints, statements

OTHERS = frozenset({"auth", "billing"})

BREAKING = [
    ("DROP TABLE things", "drops something"),
    ("DROP INDEX things_by_name", "drops something"),
    ("ALTER TABLE things DROP COLUMN name", "drops something"),
    ("ALTER TABLE things ADD COLUMN size int, DROP name", "drops something"),
    ("ALTER TABLE things DROP CONSTRAINT things_name_check", "drops something"),
    ("ALTER TABLE things RENAME COLUMN name TO title", "renames something"),
    ("ALTER TABLE things RENAME TO objects", "renames something"),
    ("ALTER TABLE IF EXISTS ONLY things ALTER COLUMN size TYPE bigint", "changes a type"),
    ("ALTER TABLE things ALTER size SET DATA TYPE bigint", "changes a type"),
    ("ALTER TABLE things ALTER COLUMN name SET NOT NULL", "makes a column NOT NULL"),
    ("ALTER TABLE things ADD COLUMN name text NOT NULL", "adds NOT NULL"),
    ("alter table things\n    add name text not null", "adds NOT NULL"),
    ("ALTER TABLE things ADD CONSTRAINT sound CHECK (size > 0)", "not NOT VALID"),
    ("ALTER TABLE things ADD FOREIGN KEY (user_id) REFERENCES users", "not NOT VALID"),
    ("CREATE UNIQUE INDEX things_names ON things (name)", "makes something unique"),
    ("TRUNCATE things", "empties a table"),
]
NEVER = [
    ("BEGIN", "one transaction already"),
    ("COMMIT", "one transaction already"),
    ("SAVEPOINT here", "one transaction already"),
    ("CREATE INDEX CONCURRENTLY a ON things (name)", "cannot run in a transaction"),
    ("SET search_path TO auth", "not a migration's to choose"),
    ("CREATE SCHEMA more", "not a migration's to choose"),
    ("UPDATE things SET name = (SELECT email FROM auth.users LIMIT 1)", "names the schema auth"),
    ("CREATE TABLE public.things (id int)", "names the schema public"),
    ('INSERT INTO things SELECT 1 FROM "billing".plans', "names the schema billing"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM auth.users $$", "names the schema auth"),
]
FINE = [
    "ALTER TABLE things ADD COLUMN name text",
    "ALTER TABLE things ADD COLUMN name text NOT NULL DEFAULT '', ADD size bigint NOT NULL DEFAULT (1 + 1)",
    "ALTER TABLE things ALTER COLUMN name DROP NOT NULL, ALTER COLUMN name SET DEFAULT 'DROP TABLE x'",
    "ALTER TABLE things ADD CONSTRAINT sound CHECK (name IS NOT NULL) NOT VALID",
    "ALTER TABLE things VALIDATE CONSTRAINT sound",
    "CREATE TABLE fresh (id int NOT NULL); ALTER TABLE fresh ADD CHECK (id > 0); CREATE UNIQUE INDEX ON fresh (id)",
    "UPDATE jobs SET name = jobs.hint -- DROP TABLE jobs; BEGIN",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN; DROP TABLE x; END $$",
    "/* COMMIT; */ INSERT INTO things VALUES ('it''s; COMMIT; auth.users')",
]


def wrong(sql: str) -> list[str]:
    return [what for _, what in complaints(OTHERS, sql)]


@pytest.mark.parametrize(("sql", "what"), BREAKING)
def test_what_takes_from_running_code_needs_a_reason(sql: str, what: str) -> None:
    (found,) = wrong(f"{sql};")
    assert what in found
    assert "`-- contract: <reason>`" in found
    assert wrong(f"-- contract: no code of the last release reads it\n{sql};") == []
    assert wrong(f"-- contract: no\n{sql};") == [found]
    assert wrong(f"-- contract: this is the reason of another one\nSELECT 1;\n{sql};") == [found]


@pytest.mark.parametrize(("sql", "what"), NEVER)
def test_what_is_never_right(sql: str, what: str) -> None:
    (found,) = wrong(f"-- contract: a reason helps here as little\n{sql};")
    assert what in found


def test_an_index_on_a_table_that_is_in_use_needs_a_reason() -> None:
    (found,) = wrong("CREATE INDEX ON things (name);")
    assert "stops writes while it indexes" in found
    assert wrong("-- locks: a row a user, some thousands\nCREATE INDEX ON things (name);") == []


ALONE = "-- no-transaction: things is large\n"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (f"{ALONE}CREATE INDEX CONCURRENTLY a ON things (name);", "IF NOT EXISTS"),
        (f"{ALONE}ALTER TABLE things ADD COLUMN name text;", "is one CREATE INDEX"),
        (f"{ALONE}CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON things (name); SELECT 1;", "is one CREATE INDEX"),
        ("-- no-transaction:\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON things (name);", "say why"),
        (f"{ALONE}CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a ON things (name);", "makes something unique"),
        (f"{ALONE}DROP INDEX CONCURRENTLY IF EXISTS a;", "drops something"),
    ],
)
def test_what_may_not_go_without_a_transaction(sql: str, what: str) -> None:
    (found,) = wrong(sql)
    assert what in found


def test_an_index_of_a_large_table() -> None:
    assert wrong(f"{ALONE}CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON things (name);") == []
    assert wrong(f"{ALONE}-- contract: the one above replaced it\nDROP INDEX CONCURRENTLY IF EXISTS a;") == []


@pytest.mark.parametrize("sql", FINE)
def test_what_is_fine(sql: str) -> None:
    assert wrong(sql) == []


def test_the_line_is_that_of_the_statement() -> None:
    sql = "-- about it\nSELECT 1;\n\n-- more\n\nDROP\n  TABLE things;"
    assert [each.line for each in statements(sql)] == [2, 6]
    assert [line for line, _ in complaints(OTHERS, sql)] == [6]


def test_a_tree_with_a_gap_and_a_drop(tmp_path: Path) -> None:
    folder = tmp_path / "services" / "jobs" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_a.sql").write_text("CREATE TABLE things (id int);")
    assert check(tmp_path) == []
    (folder / "0003_c.sql").write_text("DROP TABLE things;")
    gap, drop = check(tmp_path)
    assert gap == "services/jobs/migrations: migration 0002 is missing"
    assert drop.startswith("services/jobs/migrations/0003_c.sql:1: drops something")


def test_our_own_are_fine() -> None:
    assert check(ROOT) == []
