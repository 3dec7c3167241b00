"""Who calls: the signed token that the gateway gets from auth, and that every service verifies by itself.

jwt and cryptography are imported where keys are read and tokens verified: the gateway and the agents do neither, and
save 10 MB each.
"""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from tseeder_kit.errors import AppError, unauthenticated
from tseeder_kit.logging import get_logger
from tseeder_kit.telemetry import gauge
from tseeder_rpc.watched_file import WatchedFile

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM: Final = "EdDSA"
AUDIENCE: Final = "internal"
ISSUER: Final = "tseeder-auth"
LIFETIME_SECONDS: Final = 60
LEEWAY_SECONDS: Final = 5

_BEARER: Final = "bearer "
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n?", re.DOTALL)

_known = gauge("identity_keys", "Keys that identity tokens are verified with by now, each 1", ("kid",))
_log = get_logger(__name__)

# Gets the full method name (`/tseeder.jobs.v1.Jobs/Submit`) and the call's metadata; gives who calls, or None.
Authenticator: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[object | None]]


@dataclass(frozen=True, slots=True)
class Principal:
    """A user (or an operator) who calls; `session_id` is None for an API key."""

    user_id: UUID
    role: str
    scopes: frozenset[str]
    session_id: str | None = None


def key_id(public_key: "Ed25519PublicKey") -> str:
    """The `kid` of a key: the first 16 hex digits of the SHA-256 of its 32 raw bytes."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def load_public_keys(path: str | Path) -> dict[str, str]:
    """kid -> PEM, from a file of one or more Ed25519 public keys one after another.

    Raises ValueError if there is none, or one of another kind; OSError if the file cannot be read.
    """
    keys: dict[str, str] = {}
    for pem in _PEM.findall(Path(path).read_text(encoding="ascii")):
        keys[key_id(_ed25519(pem))] = pem
    if not keys:
        raise ValueError("the file holds no public key")
    return keys


class PublicKeys:
    """The bundle of a file, which is read again when it changes: once a second it is looked at, and for a key that is
    not known at once, so that a new key is good for everybody before anybody signs with it.

    A bundle that cannot be used changes nothing: the keys before it stay, and the log says so, once.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ValueError and OSError as `load_public_keys`."""
        self._file = WatchedFile(path, clock)
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._take(load_public_keys(path))

    def find(self, kid: str) -> "Ed25519PublicKey | None":
        """The key of this name, if it is one of ours by now."""
        if self._file.changed():
            self._reread()
        if kid not in self._keys and self._file.changed(at_once=True):
            self._reread()
        return self._keys.get(kid)

    def _reread(self) -> None:
        try:
            self._take(load_public_keys(self._file.path))
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            _log.error("identity_keys_not_read", path=str(self._file.path), why=why, kept=sorted(self._keys))
            return
        _log.info("identity_keys_read", kids=sorted(self._keys))

    def _take(self, found: Mapping[str, str]) -> None:
        self._keys = {kid: _ed25519(pem) for kid, pem in found.items()}
        _known.clear()
        for kid in self._keys:
            _known.labels(kid).set(1)


class Verifier:
    """Verifies identity tokens with the keys that are given, and with no others."""

    def __init__(self, keys: Mapping[str, str] | PublicKeys) -> None:
        import jwt

        self._jwt = jwt
        self._find: Callable[[str], Ed25519PublicKey | None] = (
            keys.find if isinstance(keys, PublicKeys) else {kid: _ed25519(pem) for kid, pem in keys.items()}.get
        )

    def verify(self, token: str) -> Principal:
        """Who the token names. Raises UNAUTHENTICATED `identity_invalid`; why is not said, but chained.

        Claims: iss, aud, sub (user id), iat, exp (60 s later at most), role, scopes (a list), sid (a session's id).
        """
        jwt = self._jwt
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._find(kid) if isinstance(kid, str) else None
            if key is None:
                raise _invalid()
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
            return _principal(claims)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as exc:
            raise _invalid() from exc


def bearer(metadata: Mapping[str, str]) -> str | None:
    """The token of `authorization: Bearer <token>`, if there is one."""
    value = metadata.get("authorization", "")
    return (value[len(_BEARER) :].strip() or None) if value[: len(_BEARER)].lower() == _BEARER else None


def user_authenticator(verifier: Verifier) -> Authenticator:
    """The authenticator of a service that only users call."""

    async def authenticate(_method: str, metadata: Mapping[str, str]) -> Principal | None:
        token = bearer(metadata)
        return None if token is None else verifier.verify(token)

    return authenticate


def _principal(claims: Mapping[str, Any]) -> Principal:
    role, scopes, session = claims["role"], claims["scopes"], claims.get("sid")
    if claims["exp"] - claims["iat"] > LIFETIME_SECONDS or not isinstance(role, str) or not isinstance(scopes, list):
        raise ValueError("not a token of ours")
    if not all(isinstance(scope, str) for scope in scopes) or not isinstance(session, str | None):
        raise TypeError("not a token of ours")
    return Principal(UUID(claims["sub"]), role, frozenset(scopes), session)


def _ed25519(pem: str) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode("ascii"))
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("only Ed25519 public keys are taken")  # noqa: TRY004 - the file's content is wrong, not the type
    return key


def _invalid() -> AppError:
    return unauthenticated("identity_invalid", "The identity token is not valid.")
