"""The bundle of public keys, followed while it changes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tseeder_rpc import PublicKeys, WatchedFile, key_id

ONE, TWO = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
FIRST, SECOND = key_id(ONE.public_key()), key_id(TWO.public_key())


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pem(*keys: Ed25519PrivateKey) -> str:
    public = (key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys)
    return b"".join(public).decode()


def known(keys: PublicKeys) -> set[str]:
    return {kid for kid in (FIRST, SECOND) if keys.find(kid) is not None}


def replace(path: Path, text: str) -> None:
    """As a whole, by its name."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def test_a_new_key_is_known_the_moment_that_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_text(pem(ONE))
    keys = PublicKeys(path, Clock())
    assert known(keys) == {FIRST}
    replace(path, pem(ONE, TWO))
    assert known(keys) == {FIRST, SECOND}


def test_a_key_that_was_taken_out_is_none_a_second_later(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.pem", Clock()
    path.write_text(pem(ONE, TWO))
    keys = PublicKeys(path, clock)
    replace(path, pem(TWO))
    clock.now = 1.0
    assert known(keys) == {SECOND}


def test_what_cannot_be_read_changes_nothing_and_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, clock = tmp_path / "keys.pem", Clock()
    path.write_text(pem(ONE))
    keys = PublicKeys(path, clock)
    for number, broken in enumerate(("", "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n", "\xff"), 1):
        path.write_bytes(broken.encode("latin-1"))
        for _ in range(3):
            clock.now += 1
            assert known(keys) == {FIRST}
        assert errors(caplog) == number
    path.unlink()
    for _ in range(3):
        clock.now += 1
        assert known(keys) == {FIRST}
    assert errors(caplog) == 4
    path.write_text(pem(TWO))
    clock.now += 1
    assert known(keys) == {SECOND}


def errors(caplog: pytest.LogCaptureFixture) -> int:
    return len([record for record in caplog.records if record.levelno == logging.ERROR])


def test_a_mounted_secret_changes_by_a_link_on_the_way(tmp_path: Path) -> None:
    """As kubelet does it: `keys.pem` -> `..data/keys.pem`, `..data` -> a folder of this moment."""
    for name, keys in (("..1", (ONE,)), ("..2", (ONE, TWO))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys.pem").write_text(pem(*keys))
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keys.pem").symlink_to("..data/keys.pem")
    followed = PublicKeys(tmp_path / "keys.pem", Clock())
    assert known(followed) == {FIRST}
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    assert known(followed) == {FIRST, SECOND}


def test_a_file_is_looked_at_once_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "file", Clock()
    watched = WatchedFile(path, clock)
    path.write_text("a")
    assert not watched.changed()
    clock.now = 0.9
    assert not watched.changed()
    clock.now = 1.0
    assert watched.changed()
    assert not watched.changed()
    path.write_text("ab")
    assert watched.changed(at_once=True)
    assert not watched.changed(at_once=True)
