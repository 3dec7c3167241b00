"""Keys at the start, against a real database: what is made, and what stops the start."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tseeder_jobs.adapters.crypto import KeyringError, read_key_file
from tseeder_jobs.domain.sealed import Place
from tseeder_jobs.usecases.open_keyring import open_keyring
from tseeder_pg import Pool, open_pool
from tseeder_stack.provision import Database

PLACE = Place("torrents", "info_ciphertext", "1")


def _read(path: Path) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(path.read_text())["keys"]
    return keys


def _lose(path: Path) -> None:
    path.unlink()


def _write(path: Path, *keys: dict[str, Any]) -> None:
    path.write_text(json.dumps({"keys": keys}))


@pytest.fixture
async def pool(migrated_database: Database) -> AsyncIterator[Pool]:
    async with open_pool(migrated_database.urls["jobs"], application_name="test") as pool:
        yield pool


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


async def test_first_keys_are_made_with_a_loud_warning(
    pool: Pool, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        made = await open_keyring(pool, path, generate=True)
    assert "BACK UP" in caplog.text
    again = await open_keyring(pool, path, generate=False)
    assert again.open(made.seal(b"secret", PLACE), PLACE) == b"secret"


async def test_a_missing_file_is_not_made_unless_allowed(pool: Pool, path: Path) -> None:
    with pytest.raises(KeyringError, match="is missing"):
        await open_keyring(pool, path, generate=False)
    assert read_key_file(path) is None


async def test_a_lost_file_is_never_replaced_by_a_new_one(pool: Pool, path: Path) -> None:
    await open_keyring(pool, path, generate=True)
    _lose(path)
    with pytest.raises(KeyringError, match="restore it") as caught:
        await open_keyring(pool, path, generate=True)
    assert "data-1" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert read_key_file(path) is None


async def test_other_keys_under_the_same_ids_stop_the_start(pool: Pool, path: Path, tmp_path: Path) -> None:
    await open_keyring(pool, path, generate=True)
    other = tmp_path / "other.json"
    _write(other, *({**key, "secret": "A" * 43 + "="} for key in _read(path)))
    with pytest.raises(KeyringError, match="data-1, index-1"):
        await open_keyring(pool, other, generate=False)


async def test_a_new_version_is_added_and_an_old_one_that_rows_need_may_not_go(pool: Pool, path: Path) -> None:
    await open_keyring(pool, path, generate=True)
    old, index = _read(path)
    new = {"id": "data-2", "kind": "data", "version": 2, "secret": "A" * 43 + "="}
    _write(path, old, new, index)
    assert (await open_keyring(pool, path, generate=False)).data_key_id == "data-2"
    _write(path, new, index)
    with pytest.raises(KeyringError, match="lacks keys that rows were written with: data-1"):
        await open_keyring(pool, path, generate=False)
