"""Sealed columns, blind indexes, and the key file."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tseeder_jobs.adapters.crypto import Key, Keyring, KeyringError, read_key_file, write_key_file
from tseeder_jobs.domain.sealed import Place, Sealed
from tseeder_kit.errors import AppError

DIGEST = bytes(range(20))
PLACE = Place("torrents", "info_ciphertext", "0192")
OLD = [Key("data-1", "data", 1, b"d" * 32), Key("index-1", "index", 1, b"i" * 32)]
NEW = [*OLD, Key("data-2", "data", 2, b"D" * 32), Key("index-2", "index", 2, b"I" * 32)]


def test_what_is_sealed_opens_at_its_place_only() -> None:
    keyring = Keyring(OLD)
    sealed = keyring.seal(b"secret", PLACE)
    assert b"secret" not in sealed.ciphertext
    assert keyring.open(sealed, PLACE) == b"secret"
    for other in (replace(PLACE, table="jobs"), replace(PLACE, column="x"), replace(PLACE, row_id="0193")):
        with pytest.raises(AppError, match="ciphertext_unreadable"):
            keyring.open(sealed, other)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    keyring = Keyring(OLD)
    assert keyring.seal(b"secret", PLACE).ciphertext != keyring.seal(b"secret", PLACE).ciphertext


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c[:-1] + bytes([c[-1] ^ 1]), lambda c: b"\x02" + c[1:], lambda _: b""]
)
def test_tampered_ciphertext_does_not_open(change: object) -> None:
    keyring = Keyring(OLD)
    sealed = keyring.seal(b"secret", PLACE)
    assert callable(change)
    with pytest.raises(AppError, match="ciphertext_unreadable"):
        keyring.open(Sealed(sealed.key_id, change(sealed.ciphertext)), PLACE)


def test_the_newest_key_writes_and_old_ones_read() -> None:
    before, after = Keyring(OLD), Keyring(reversed(NEW))
    sealed = before.seal(b"secret", PLACE)
    assert (sealed.key_id, after.seal(b"", PLACE).key_id) == ("data-1", "data-2")
    assert after.open(sealed, PLACE) == b"secret"
    with pytest.raises(AppError, match="key_missing"):
        before.open(after.seal(b"secret", PLACE), PLACE)


def test_blind_indexes_of_every_live_version_the_newest_first() -> None:
    before, after = Keyring(OLD), Keyring(NEW)
    assert after.blinds(DIGEST) == (after.blind(DIGEST), before.blind(DIGEST))
    assert [blind.version for blind in after.blinds(DIGEST)] == [2, 1]
    assert before.blind(DIGEST) != before.blind(DIGEST[::-1])
    assert DIGEST not in before.blind(DIGEST).value


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "below" / "keys.json"
    assert read_key_file(path) is None
    made = write_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_key_file(path).keys == made.keys
    read = read_key_file(path)
    assert read is not None
    assert read.open(made.seal(b"secret", PLACE), PLACE) == b"secret"
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_two_made_key_files_differ(tmp_path: Path) -> None:
    first, second = write_key_file(tmp_path / "a"), write_key_file(tmp_path / "b")
    assert first.keys["data-1"].check_value != second.keys["data-1"].check_value


def _row(**changes: object) -> dict[str, object]:
    return {
        "id": "data-1",
        "kind": "data",
        "version": 1,
        "secret": "ZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGQ=",
        **changes,
    }


INDEX = _row(id="index-1", kind="index")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        json.dumps({"keys": []}),
        json.dumps({"keys": [_row()]}),
        json.dumps({"keys": [_row(), "x"]}),
        json.dumps({"keys": [_row(), INDEX, _row()]}),
        json.dumps({"keys": [_row(), INDEX, _row(id="other")]}),
        json.dumps({"keys": [_row(secret="ZGRk"), INDEX]}),
        json.dumps({"keys": [_row(secret="%"), INDEX]}),
        json.dumps({"keys": [_row(version=0), INDEX]}),
        json.dumps({"keys": [_row(version=True), INDEX]}),
        json.dumps({"keys": [_row(kind="sign"), INDEX]}),
        json.dumps({"keys": [_row(id=""), INDEX]}),
    ],
)
def test_a_malformed_key_file_stops_with_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeyringError) as caught:
        read_key_file(path)
    assert "\n" not in str(caught.value)
    assert "ZGRk" not in str(caught.value)


def test_a_key_file_that_cannot_be_read_stops_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="cannot be read"):
        read_key_file(tmp_path)


def test_keys_do_not_show_their_secret() -> None:
    assert "dddd" not in repr(OLD[0])
