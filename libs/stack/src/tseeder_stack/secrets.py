"""Generated passwords and keys of a stack, kept as one file each (mode 0600) in `<state>/secrets` (mode 0700)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


class Secrets:
    """Makes a secret the first time that it is asked for, and returns the same one ever after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def text(self, name: str, nbytes: int = 24) -> str:
        """A random hexadecimal password called `name`: `2 * nbytes` characters, safe in URLs and in SQL quotes."""
        return self._once(name, lambda: secrets.token_hex(nbytes)).read_text().strip()

    def identity_private_key(self) -> Path:
        """PEM file (PKCS 8) of the Ed25519 key with which auth signs identity tokens."""
        return self._once("identity-private.pem", _new_private_key)

    def identity_public_keys(self) -> Path:
        """PEM bundle file of the public half, with which every service verifies identity tokens."""
        private = load_pem_private_key(self.identity_private_key().read_bytes(), password=None)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._once("identity-public.pem", public.decode)

    def path(self, name: str) -> Path:
        """Where a secret that somebody else makes (a service's key file) belongs."""
        return self.folder / name

    def _once(self, name: str, make: Callable[[], str]) -> Path:
        path = self.folder / name
        if not path.exists():
            fresh = self.folder / f".{name}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)  # never half a secret: it is made once and needed for ever
        return path


def _new_private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
