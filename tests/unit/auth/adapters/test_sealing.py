"""Secrets in rows, and the key file."""

from __future__ import annotations

import base64
import json
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest

from tseeder_auth.adapters.sealing import KeyringError, Sealed, Sealer, read_key_file, write_key_file
from tseeder_kit.errors import AppError

ANN, BOB = uuid.uuid4(), uuid.uuid4()


def row(version: int, /, **changes: Any) -> dict[str, Any]:
    secret = base64.b64encode(bytes([version]) * 32).decode()
    return {"id": f"data-{version}", "kind": "data", "version": version, "secret": secret, **changes}


def read(path: Path, *rows: dict[str, Any]) -> Sealer:
    path.write_text(json.dumps({"keys": rows}))
    sealer = read_key_file(path)
    assert sealer is not None
    return sealer


def code(sealer: Sealer, sealed: Sealed, user_id: uuid.UUID) -> str:
    with pytest.raises(AppError) as caught:
        sealer.open(sealed, user_id)
    return caught.value.code


def test_what_is_sealed_for_one_is_of_no_use_to_another(tmp_path: Path) -> None:
    sealer = write_key_file(tmp_path / "keys.json")
    sealed = sealer.seal(b"secret", ANN)
    assert b"secret" not in sealed.ciphertext
    assert sealer.seal(b"secret", ANN) != sealed
    assert sealer.open(sealed, ANN) == b"secret"
    assert code(sealer, sealed, BOB) == "ciphertext_unreadable"
    for broken in (sealed.ciphertext[:-1], b"\x02" + sealed.ciphertext[1:], b"", b"\x01"):
        assert code(sealer, Sealed(sealed.key_id, broken), ANN) == "ciphertext_unreadable"


def test_the_highest_version_writes_and_all_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = read(path, row(1)).seal(b"secret", ANN)
    both = read(path, row(2), row(1), row(9, kind="index", id="index-1"))
    after = both.seal(b"secret", ANN)
    assert (before.key_id, after.key_id) == ("data-1", "data-2")
    assert both.open(before, ANN) == both.open(after, ANN) == b"secret"
    assert code(read(path, row(1)), after, ANN) == "key_missing"


def test_a_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    assert read_key_file(path) is None
    sealed = write_key_file(path).seal(b"secret", ANN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_key_file(path).open(sealed, ANN) == b"secret"
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        json.dumps({"keys": []}),
        json.dumps({"keys": [row(1, kind="index")]}),
        json.dumps({"keys": [row(1), row(1)]}),
        json.dumps({"keys": [row(1), row(1, id="other")]}),
        json.dumps({"keys": [row(1, secret="AAAA")]}),
        json.dumps({"keys": [row(1, version=True)]}),
    ],
)
def test_a_malformed_file_is_one_line_without_what_is_in_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeyringError, match=r"^CRYPTO_KEYS: .* is malformed.*$") as caught:
        read_key_file(path)
    assert "secret" not in str(caught.value)


def test_a_file_that_cannot_be_read_or_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyringError, match="cannot be read: Not a directory"):
        read_key_file(tmp_path / "file" / "keys.json")
    with pytest.raises(KeyringError, match="cannot be written"):
        write_key_file(tmp_path / "file" / "keys.json")
