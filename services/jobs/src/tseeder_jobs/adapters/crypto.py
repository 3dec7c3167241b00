"""Secrets in rows: AES-256-GCM under data keys, blind indexes under index keys; the key file that holds both.

The key file is JSON: `{"keys": [{"id": "data-1", "kind": "data", "version": 1, "secret": "<base64, 32 bytes>"}, ...]}`.
Of each kind the highest version writes; all of them read. To rotate, a key with the next version is added, rows are
written anew under it (idempotent: those whose key_id is the newest are left alone), and the old key is taken out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tseeder_jobs.domain.sealed import Blind, Place, Sealed
from tseeder_kit.errors import internal
from tseeder_kit.settings import SettingsError

Kind = Literal["data", "index"]
KEY_BYTES: Final = 32
_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12  # random ones: NIST SP 800-38D allows 2**32 messages under one key
_CHECK: Final = b"tseeder key check v1"


class KeyringError(SettingsError):
    """The keys are missing or wrong; the text is one line for the operator and holds no secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file. `check_value` tells two keys of the same id apart and gives nothing away."""

    key_id: str
    kind: Kind
    version: int
    secret: bytes

    @property
    def check_value(self) -> bytes:
        """HMAC-SHA256 of a constant under this key."""
        return hmac.digest(self.secret, _CHECK, hashlib.sha256)

    def __repr__(self) -> str:
        return f"Key({self.key_id!r})"


class Keyring:
    """The keys of one installation. Thread-safe: nothing changes after it is made."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys: Final[Mapping[str, Key]] = {key.key_id: key for key in keys}
        data = sorted((key for key in self.keys.values() if key.kind == "data"), key=lambda key: key.version)
        index = sorted((key for key in self.keys.values() if key.kind == "index"), key=lambda key: key.version)
        if not data or not index:
            raise KeyringError("the key file needs a key of each kind, 'data' and 'index'")
        self._writing: Final = data[-1]
        self._ciphers: Final = {key.key_id: AESGCM(key.secret) for key in data}
        self._index: Final = tuple(reversed(index))

    @property
    def data_key_id(self) -> str:
        """The key that writes; rows under another one wait for a rotation."""
        return self._writing.key_id

    @property
    def index_version(self) -> int:
        """The version that writes blind indexes."""
        return self._index[0].version

    def seal(self, plaintext: bytes, place: Place) -> Sealed:
        """Encrypt for one place, under the newest data key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        key_id = self._writing.key_id
        ciphertext = self._ciphers[key_id].encrypt(nonce, plaintext, _associated(key_id, place))
        return Sealed(key_id, _FORMAT + nonce + ciphertext)

    def open(self, sealed: Sealed, place: Place) -> bytes:
        """Decrypt what stands at `place`. INTERNAL `key_missing`, or `ciphertext_unreadable` if it was not made so."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise internal("key_missing")
        body = sealed.ciphertext
        if body[:1] != _FORMAT:
            raise internal("ciphertext_unreadable")
        nonce, rest = body[1 : 1 + _NONCE_BYTES], body[1 + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, rest, _associated(sealed.key_id, place))
        except (InvalidTag, ValueError) as exc:
            raise internal("ciphertext_unreadable") from exc

    def blind(self, digest: bytes) -> Blind:
        """The index to write for `digest` (raw bytes of an info-hash)."""
        return _blind(self._index[0], digest)

    def blinds(self, digest: bytes) -> tuple[Blind, ...]:
        """The indexes to look `digest` up by: of every live version, the newest first."""
        return tuple([_blind(key, digest) for key in self._index])

    def derived(self, purpose: str) -> bytes:
        """32 bytes for signing something that is in no row (a list's cursor); others after the index key changed."""
        return hmac.digest(self._index[0].secret, b"tseeder derived " + purpose.encode(), hashlib.sha256)


def _associated(key_id: str, place: Place) -> bytes:
    return "\0".join((key_id, place.table, place.column, place.row_id)).encode()


def _blind(key: Key, digest: bytes) -> Blind:
    return Blind(key.version, hmac.digest(key.secret, digest, hashlib.sha256))


def read_key_file(path: Path) -> Keyring | None:
    """The keys in `path`; None if there is no such file. KeyringError if it cannot be read or is malformed."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as exc:
        raise KeyringError(f"the key file {path} cannot be read: {getattr(exc, 'strerror', 'not UTF-8')}") from None
    try:
        return Keyring(_keys(json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyringError(f"the key file {path} is malformed; restore it from its backup") from None


def write_key_file(path: Path) -> Keyring:
    """Make first keys and write them to `path`, readable by its owner only. An existing file is never touched.

    If another process was quicker, its keys are taken.
    """
    kinds: tuple[Kind, ...] = get_args(Kind)
    keys = [Key(f"{kind}-1", kind, 1, secrets.token_bytes(KEY_BYTES)) for kind in kinds]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(_text(keys))
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike rename, it never replaces
    except FileExistsError:
        existing = read_key_file(path)
        if existing is None:
            raise KeyringError(f"the key file {path} went away while it was read") from None
        return existing
    except OSError as exc:
        raise KeyringError(f"the key file {path} cannot be written: {exc.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return Keyring(keys)


def _text(keys: Iterable[Key]) -> str:
    rows = [
        {"id": key.key_id, "kind": key.kind, "version": key.version, "secret": base64.b64encode(key.secret).decode()}
        for key in keys
    ]
    return json.dumps({"keys": rows}, indent=2) + "\n"


def _keys(document: Any) -> list[Key]:
    keys = [_key(row) for row in document["keys"]]
    if len({key.key_id for key in keys}) != len(keys) or len({(key.kind, key.version) for key in keys}) != len(keys):
        raise ValueError("two keys with one id or version")
    return keys


def _key(row: Any) -> Key:
    kind, version, key_id = row["kind"], row["version"], row["id"]
    secret = base64.b64decode(row["secret"], validate=True)
    known = kind in ("data", "index") and isinstance(key_id, str) and key_id
    if not known or type(version) is not int or not 1 <= version <= 32767 or len(secret) != KEY_BYTES:
        raise ValueError("not a key")
    return Key(key_id, kind, version, secret)
