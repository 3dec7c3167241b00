"""The identity key, changed in three steps without a refusal in between, each of which may be repeated.

Next: a new pair, whose public half joins the bundle. Activate: it signs from now on. Retire: the bundle forgets the
keys before it. Between the steps every service has to read the files again; see docs/identity-keys.md.
"""

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tseeder_auth.adapters.identity_key import (
    PRIVATE_NAME,
    PUBLIC_NAME,
    KeyFileError,
    load_key,
    private_pem,
    public_pem,
)
from tseeder_rpc import key_id, load_public_keys
from tseeder_rpc.identity import LEEWAY_SECONDS, LIFETIME_SECONDS

NEXT_NAME: Final = "identity-next.pem"
CACHED_SECONDS: Final = 5
"""Gateways use an identity token for so long after they got it."""
UNDER_WAY_SECONDS: Final = LIFETIME_SECONDS + LEEWAY_SECONDS + CACHED_SECONDS


class OrderError(Exception):
    """A step that is not to be taken now; the text is a sentence that says what is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands in the folder after a step."""

    signing: str
    following: str  # "": none
    bundle: tuple[str, ...]
    advice: str


def prepare(folder: Path) -> Outcome:
    """Makes the next key, if there is none, and adds its public half to the bundle. Raises KeyFileError."""
    signing, bundle = _read(folder)
    path = folder / NEXT_NAME
    if path.exists():
        following = load_key(path)
    else:
        following = Ed25519PrivateKey.generate()
        _replace(path, private_pem(following), like=folder / PRIVATE_NAME)
    if _kid(following) not in bundle:
        bundle = {**bundle, _kid(following): public_pem(following).decode("ascii")}
        _write_bundle(folder, bundle)
    advice = "Wait until every service verifies with all of these keys; then: rotate-key --activate."
    return Outcome(_kid(signing), _kid(following), tuple(bundle), advice)


def activate(folder: Path) -> Outcome:
    """Makes the next key the one that signs; once more changes nothing. Raises KeyFileError, OrderError."""
    signing, bundle = _read(folder)
    path = folder / NEXT_NAME
    if path.exists():
        following = load_key(path)
        if _kid(following) not in bundle:
            raise OrderError("The bundle does not hold the next key: take the step without an option first.")
        try:
            # Its time of change is what `retire` counts from.
            path.replace(folder / PRIVATE_NAME)
            _sync(folder)
        except OSError as exc:
            raise KeyFileError(f"{exc.filename}: {exc.strerror}") from None
        signing = following
    elif set(bundle) == {_kid(signing)}:
        raise OrderError("There is no next key: take the step without an option first.")
    advice = f"Wait until auth signs with it, and {UNDER_WAY_SECONDS} s more; then: rotate-key --retire."
    return Outcome(_kid(signing), "", tuple(bundle), advice)


def retire(folder: Path, now: float | None = None) -> Outcome:
    """Leaves the signing key alone in the bundle; once more changes nothing. Raises KeyFileError, OrderError.

    Too early is refused as far as the files know: tokens of the old key must have run out.
    """
    signing, bundle = _read(folder)
    if (folder / NEXT_NAME).exists():
        raise OrderError("The next key does not sign yet: take the step --activate first.")
    if set(bundle) != {_kid(signing)}:
        age = (time.time() if now is None else now) - (folder / PRIVATE_NAME).stat().st_ctime
        if age < UNDER_WAY_SECONDS:
            left = int(UNDER_WAY_SECONDS - age) + 1
            raise OrderError(f"Tokens of the key before are still good. Wait {left} s more.")
        bundle = {_kid(signing): bundle[_kid(signing)]}
        _write_bundle(folder, bundle)
    return Outcome(_kid(signing), "", tuple(bundle), "Done.")


def _read(folder: Path) -> tuple[Ed25519PrivateKey, dict[str, str]]:
    """The signing key, and the bundle, which must hold its public half."""
    signing, path = load_key(folder / PRIVATE_NAME), folder / PUBLIC_NAME
    try:
        bundle = load_public_keys(path)
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be read: {exc.strerror}") from None
    except ValueError as exc:
        raise KeyFileError(f"{path}: {exc}") from None
    if _kid(signing) not in bundle:
        raise KeyFileError(f"{path} does not hold the public half of {folder / PRIVATE_NAME}")
    return signing, bundle


def _kid(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key())


def _write_bundle(folder: Path, bundle: dict[str, str]) -> None:
    path = folder / PUBLIC_NAME
    _replace(path, "".join(pem.rstrip("\n") + "\n" for pem in bundle.values()).encode("ascii"), like=path)


def _replace(path: Path, content: bytes, *, like: Path) -> None:
    """Writes a file whole or not at all, with the mode and the owner of another one."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        wanted = like.stat()
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), wanted.st_mode & 0o777)
            made = os.fstat(file.fileno())
            if (made.st_uid, made.st_gid) != (wanted.st_uid, wanted.st_gid):
                os.fchown(file.fileno(), wanted.st_uid, wanted.st_gid)
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(path.parent)
    except OSError as exc:
        fresh.unlink(missing_ok=True)
        raise KeyFileError(f"{path}: {exc.strerror}") from None


def _sync(folder: Path) -> None:
    """Names, too, are to survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
