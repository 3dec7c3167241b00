"""Who calls: the signed token that the gateway gets from auth, and that every service verifies by itself.

jwt and cryptography are imported where keys are read and tokens verified: the gateway and the agents do neither, and
save 10 MB each.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from tseeder_kit.errors import AppError, unauthenticated

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM: Final = "EdDSA"
AUDIENCE: Final = "internal"
ISSUER: Final = "tseeder-auth"
LIFETIME_SECONDS: Final = 60
LEEWAY_SECONDS: Final = 5

_BEARER: Final = "bearer "
_PEM: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----\n?", re.DOTALL)

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


class Verifier:
    """Verifies identity tokens with the keys that are given, and with no others."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        import jwt

        self._jwt = jwt
        self._keys = {kid: _ed25519(pem) for kid, pem in keys.items()}

    def verify(self, token: str) -> Principal:
        """Who the token names. Raises UNAUTHENTICATED `identity_invalid`; why is not said, but chained.

        Claims: iss, aud, sub (user id), iat, exp (60 s later at most), role, scopes (a list), sid (a session's id).
        """
        jwt = self._jwt
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(kid) if isinstance(kid, str) else None
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
