"""Migration files are 0001, 0002, ... and nothing else."""

from pathlib import Path

import pytest

from tseeder_pg import MigrationError, migrations_dir
from tseeder_pg.migration_files import check_schema_name, read_migrations


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).write_text("SELECT 1;")
    return path


def test_files_come_in_order_with_their_fingerprint(tmp_path: Path) -> None:
    first, second = read_migrations(folder(tmp_path, "0002_b.sql", "0001_a.sql", "README.md"))
    assert (first.version, first.file_name, second.file_name) == (1, "0001_a", "0002_b")
    assert first.sql == "SELECT 1;"
    assert first.sha256 == "17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a"


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("0001_a.sql", "0003_c.sql"), "migration 0002 is missing"),
        (("0001_a.sql", "0001_b.sql"), "migration 0001 is there twice"),
        (("0002_a.sql",), "migration 0001 is missing"),
        (("1_a.sql",), "1_a.sql: a migration is called NNNN_name.sql"),
        (("0001_A-b.sql",), "is called NNNN_name.sql"),
    ],
)
def test_strangers_and_gaps_are_refused(tmp_path: Path, names: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(MigrationError, match=complaint):
        read_migrations(folder(tmp_path, *names))


@pytest.mark.parametrize("name", ["", "1a", 'a"b', "a-b", "A", "a" * 64, "a; DROP"])
def test_schema_names_that_would_need_quoting_are_refused(name: str) -> None:
    with pytest.raises(MigrationError):
        check_schema_name(name)


def test_a_services_migrations_are_found_in_the_tree() -> None:
    assert migrations_dir("tseeder_jobs").parts[-3:] == ("services", "jobs", "migrations")


@pytest.mark.parametrize("package", ["tseeder_nobody", "tseeder_kit"])
def test_a_package_without_migrations_is_an_error(package: str) -> None:
    with pytest.raises(MigrationError):
        migrations_dir(package)
