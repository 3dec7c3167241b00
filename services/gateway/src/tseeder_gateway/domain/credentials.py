"""Who a request says it comes from: an API key or a session cookie."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from tseeder_kit.errors import AppError, unauthenticated

SECURE_COOKIE: Final = "__Host-tseeder"
PLAIN_COOKIE: Final = "tseeder"
SECURE_FLOW_COOKIE: Final = "__Host-tseeder-oidc"
PLAIN_FLOW_COOKIE: Final = "tseeder-oidc"

_MAX_SECRET_CHARS: Final = 512
# As auth makes them: `tsk_<prefix>_<secret>_<checksum>`.
_API_KEY: Final = re.compile(r"(tsk_[a-z2-7]{8}_[0-9A-Za-z]{32})_([a-z2-7]{7})", re.ASCII)


@dataclass(frozen=True)
class Credential:
    """A secret and what it is. It is never logged, and never a cache's key: `fingerprint` is."""

    kind: Literal["session", "api_key"]
    secret: str = field(repr=False)

    @property
    def fingerprint(self) -> bytes:
        """What tells two credentials apart without holding either."""
        return hashlib.sha256(f"{self.kind}:{self.secret}".encode()).digest()


def check_api_key(text: str) -> None:
    """Raises AppError UNAUTHENTICATED `api_key_invalid` for what cannot be a key: its shape or its checksum is wrong.

    Nobody needs to be asked for that; so a guess has to be made with some care before it costs anything.
    """
    match = _API_KEY.fullmatch(text)
    if match is not None:
        checksum = base64.b32encode(zlib.crc32(match[1].encode()).to_bytes(4, "big")).decode().rstrip("=").lower()
        if checksum == match[2]:
            return
    raise unauthenticated("api_key_invalid", "The API key is not valid.")


def cookie_name(*, insecure_http: bool) -> str:
    """`__Host-` binds the cookie to https and this host; over plain http a browser would refuse that name."""
    return PLAIN_COOKIE if insecure_http else SECURE_COOKIE


def flow_cookie_name(*, insecure_http: bool) -> str:
    """The same for a sign-in that went to a provider, and comes back."""
    return PLAIN_FLOW_COOKIE if insecure_http else SECURE_FLOW_COOKIE


def cookie_value(cookies: Iterable[str], name: str) -> str:
    """The one value of a cookie in all Cookie headers; "" for none, and for several different ones."""
    found = {value for header in cookies for each, value in _cookies(header) if each == name}
    return found.pop() if len(found) == 1 else ""


def presented(
    *, authorization: Iterable[str], api_key: Iterable[str], cookies: Iterable[str], cookie: str
) -> Credential | None:
    """The credential of a request, from all its Authorization, X-API-Key and Cookie headers; None if it has none.

    An API key goes before a cookie. Raises AppError UNAUTHENTICATED `credential_invalid` for what is no credential,
    and `credential_ambiguous` for two different ones of a kind.
    """
    keys = {_bearer(value) for value in authorization} | {_secret(value) for value in api_key}
    if keys:
        return Credential("api_key", _only(keys))
    sessions = {value for header in cookies for name, value in _cookies(header) if name == cookie and value}
    return Credential("session", _secret(_only(sessions))) if sessions else None


def basic_password(authorization: Iterable[str]) -> str:
    """The password of HTTP Basic (RFC 7617, UTF-8), whatever its user name; "" for anything else: what opens without
    one is not refused because of a credential that it does not ask for."""
    headers = list(authorization)
    scheme, _, encoded = headers[0].strip().partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _bearer(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise _invalid()
    return _secret(token)


def _secret(text: str) -> str:
    stripped = text.strip()
    if not stripped or len(stripped) > _MAX_SECRET_CHARS or not all("!" <= char <= "~" for char in stripped):
        raise _invalid()
    return stripped


def _only(found: set[str]) -> str:
    if len(found) > 1:
        raise unauthenticated("credential_ambiguous", "The request carries several credentials.")
    return next(iter(found))


def _cookies(header: str) -> Iterable[tuple[str, str]]:
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        yield name.strip(), value.strip().strip('"')


def _invalid() -> AppError:
    return unauthenticated("credential_invalid", "The request's credential is not one of tseeder's.")
