"""Secrets in rows that must be read again: AES-256-GCM, bound to the user; and the key file.

The key file is of the form that jobs has, too: `{"keys": [{"id": "data-1", "kind": "data", "version": 1, "secret":
"<base64, 32 bytes>"}, ...]}`. Of the kind `data` the highest version writes, and all of them read; other kinds are not
used.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tseeder_kit.errors import internal
from tseeder_kit.settings import SettingsError

KEY_BYTES: Final = 32
_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12  # random ones: NIST SP 800-38D allows 2**32 messages under one key
_KIND: Final = "data"
_FINGERPRINT: Final = b"tseeder registration 1"


class KeyringError(SettingsError):
    """The keys are missing or wrong; the text is one line for the operator and holds no secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as a row keeps it."""

    key_id: str
    ciphertext: bytes


class Sealer:
    """Seals and opens; thread-safe, nothing changes after it is made."""

    def __init__(self, keys: Mapping[str, tuple[int, bytes]]) -> None:
        """`keys`: version and secret by id; not empty."""
        self._writes: Final = max(keys, key=lambda key_id: keys[key_id][0])
        self._ciphers: Final = {key_id: AESGCM(secret) for key_id, (_, secret) in keys.items()}
        newest_first = sorted(keys.values(), reverse=True)
        self._prints: Final = [hmac.digest(secret, _FINGERPRINT, hashlib.sha256) for _, secret in newest_first]

    def seal(self, plaintext: bytes, user_id: UUID) -> Sealed:
        """Under the newest key, for this user's row only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._ciphers[self._writes].encrypt(nonce, plaintext, _bound_to(self._writes, user_id))
        return Sealed(self._writes, _FORMAT + nonce + ciphertext)

    def open(self, sealed: Sealed, user_id: UUID) -> bytes:
        """Raises INTERNAL `key_missing`, or `ciphertext_unreadable` for what was not sealed for this user."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise internal("key_missing")
        body = sealed.ciphertext
        if body[:1] != _FORMAT:
            raise internal("ciphertext_unreadable")
        nonce, rest = body[1 : 1 + _NONCE_BYTES], body[1 + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, rest, _bound_to(sealed.key_id, user_id))
        except (InvalidTag, ValueError) as exc:
            raise internal("ciphertext_unreadable") from exc

    def fingerprints(self, password: str, email_key: str) -> tuple[bytes, ...]:
        """What a password is known again by where an argon2 of its own would show in the time: HMAC-SHA256, bound to an
        address, under each key, the newest first. Without the key file none can be guessed at."""
        text = f"{email_key}\0{password}".encode()
        return tuple(hmac.digest(key, text, hashlib.sha256) for key in self._prints)


def _bound_to(key_id: str, user_id: UUID) -> bytes:
    return f"{key_id}\0totp_factors\0{user_id}".encode()


def read_key_file(path: Path) -> Sealer | None:
    """The keys in `path`; None if there is no such file. KeyringError if it cannot be read or is malformed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyringError(
            f"CRYPTO_KEYS: the key file {path} cannot be read: {getattr(exc, 'strerror', 'not UTF-8')}"
        ) from None
    try:
        return Sealer(_keys(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyringError(f"CRYPTO_KEYS: the key file {path} is malformed; restore it from its backup") from None


def write_key_file(path: Path) -> Sealer:
    """Make a first key and write it to `path`, readable by its owner only. An existing file is never touched.

    If another process was quicker, its keys are taken.
    """
    secret = secrets.token_bytes(KEY_BYTES)
    row = {"id": "data-1", "kind": _KIND, "version": 1, "secret": base64.b64encode(secret).decode()}
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise KeyringError(f"CRYPTO_KEYS: the key file {path} cannot be written: {exc.strerror}") from None
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps({"keys": [row]}, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike rename, it never replaces
    except FileExistsError:
        existing = read_key_file(path)
        if existing is None:
            raise KeyringError(f"CRYPTO_KEYS: the key file {path} went away while it was read") from None
        return existing
    except OSError as exc:
        raise KeyringError(f"CRYPTO_KEYS: the key file {path} cannot be written: {exc.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return Sealer({"data-1": (1, secret)})


def _keys(document: Any) -> dict[str, tuple[int, bytes]]:
    rows = [row for row in document["keys"] if row["kind"] == _KIND]
    keys = {row["id"]: _key(row) for row in rows}
    if not keys or len(keys) != len(rows) or len({version for version, _ in keys.values()}) != len(keys):
        raise ValueError("no key, or two with one id or version")
    return keys


def _key(row: Any) -> tuple[int, bytes]:
    version, key_id = row["version"], row["id"]
    secret = base64.b64decode(row["secret"], validate=True)
    known = isinstance(key_id, str) and key_id
    if not known or type(version) is not int or not 1 <= version <= 32767 or len(secret) != KEY_BYTES:
        raise ValueError("not a key")
    return version, secret
