"""The Ed25519 key pair behind the identity token: made, read, and signed with here, and nowhere else."""

import os
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

from tseeder_rpc.identity import ALGORITHM, AUDIENCE, ISSUER, LIFETIME_SECONDS, key_id

PRIVATE_NAME: Final = "identity-private.pem"
PUBLIC_NAME: Final = "identity-public.pem"


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
        self._key = key
        self.kid: Final = key_id(key.public_key())

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


def load_signer(path: Path) -> Signer:
    """The signer for a PEM file (PKCS 8); raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be read: {exc.strerror}") from None
    except (ValueError, TypeError):
        raise KeyFileError(f"{path} is not an unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key")
    return Signer(key)


def generate_pair(folder: Path) -> tuple[Path, Path]:
    """Makes a pair in `folder`: the private key (mode 0600) and a bundle of its public one. Overwrites nothing."""
    private, public = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = Ed25519PrivateKey.generate()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
        _write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    except OSError as exc:
        raise KeyFileError(f"{exc.filename}: {exc.strerror}") from None
    return private, public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
