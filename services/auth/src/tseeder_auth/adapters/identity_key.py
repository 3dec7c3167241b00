"""The Ed25519 key pair behind the identity token: made, read, and signed with here, and nowhere else."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import gauge
from tseeder_rpc import PublicKeys, WatchedFile
from tseeder_rpc.identity import ALGORITHM, AUDIENCE, ISSUER, LIFETIME_SECONDS, key_id

PRIVATE_NAME: Final = "identity-private.pem"
PUBLIC_NAME: Final = "identity-public.pem"

_signs = gauge("auth_identity_key", "The key that identity tokens are signed with by now: 1", ("kid",))
_log = get_logger(__name__)


class KeyFileError(Exception):
    """A key file is missing, unreadable, of another kind, or in the way; the text is one line without its content."""


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A signed token and when it ends."""

    text: str
    expires_at: datetime


class Signer:
    """Mints identity tokens: EdDSA, audience `internal`, 60 s, `kid` the first 16 hex digits of the key's SHA-256."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._use(key)

    @property
    def kid(self) -> str:
        """The name of the key that it signs with."""
        return self._kid

    def _use(self, key: Ed25519PrivateKey) -> None:
        self._key, self._kid = key, key_id(key.public_key())

    def mint(
        self, user_id: UUID, role: str, scopes: tuple[str, ...], session_id: UUID | None, now: datetime
    ) -> IdentityToken:
        """A token for this user from `now` on; `session_id` is None behind an API key."""
        expires_at = now.replace(microsecond=0) + timedelta(seconds=LIFETIME_SECONDS)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "role": role,
            "scopes": list(scopes),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        if session_id is not None:
            claims["sid"] = str(session_id)
        text = jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.kid})
        return IdentityToken(text, expires_at.astimezone(UTC))


class RotatingSigner(Signer):
    """Signs with the key of a file, which is read again when it changes, once its public half is in the bundle.

    A file that cannot be used, or whose public half is missing, changes nothing, and the log says so, once.
    """

    def __init__(self, path: Path, bundle: PublicKeys, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises KeyFileError."""
        self._file = WatchedFile(path, clock)
        self._bundle = bundle
        self._next: Ed25519PrivateKey | None = None
        super().__init__(load_key(path))
        self._tell()

    def mint(
        self, user_id: UUID, role: str, scopes: tuple[str, ...], session_id: UUID | None, now: datetime
    ) -> IdentityToken:
        """As of any signer, by the newest key that may sign."""
        self._follow()
        return super().mint(user_id, role, scopes, session_id, now)

    def _follow(self) -> None:
        if self._file.changed():
            self._next = self._read()
        if self._next is not None and self._bundle.find(key_id(self._next.public_key())) is not None:
            self._use(self._next)
            self._next = None
            self._tell()
            _log.info("identity_key_activated", kid=self.kid)

    def _tell(self) -> None:
        _signs.clear()
        _signs.labels(self.kid).set(1)

    def _read(self) -> Ed25519PrivateKey | None:
        """The file's key, if it is another one."""
        try:
            key = load_key(self._file.path)
        except KeyFileError as exc:
            _log.error("identity_key_not_read", why=str(exc), kept=self.kid)
            return None
        kid = key_id(key.public_key())
        if kid == self.kid:
            return None
        if self._bundle.find(kid) is None:
            _log.error("identity_key_not_in_bundle", kid=kid, kept=self.kid)
        return key


def load_signer(path: Path) -> Signer:
    """The signer for a PEM file (PKCS 8); raises KeyFileError."""
    return Signer(load_key(path))


def load_key(path: Path) -> Ed25519PrivateKey:
    """The key of a PEM file (PKCS 8); raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be read: {exc.strerror}") from None
    except (ValueError, TypeError):
        raise KeyFileError(f"{path} is not an unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key")
    return key


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS 8, not encrypted: its file's mode guards it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half, as it stands in a bundle."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def generate_pair(folder: Path) -> tuple[Path, Path]:
    """Makes a pair in `folder`: the private key (mode 0600) and a bundle of its public one. Overwrites nothing."""
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = Ed25519PrivateKey.generate()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(public, public_pem(key), 0o644)
        _write_new(private, private_pem(key), 0o600)
    except OSError as exc:
        raise KeyFileError(f"{exc.filename}: {exc.strerror}") from None
    return private, public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
