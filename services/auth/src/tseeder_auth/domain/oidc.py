"""OpenID Connect without I/O: what a flow is made of, what a provider may say of itself, when an ID token is good.

RFC 6749 and 7636 (PKCE), OpenID Connect Core 1.0 (3.1.3.7), RFC 9207 (`iss` beside the code).
"""

import base64
import hashlib
import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from tseeder_auth.domain.emails import MAX_CHARS, Email
from tseeder_auth.domain.text import has_hidden
from tseeder_kit.errors import AppError, FieldError, invalid, unauthenticated
from tseeder_kit.ids import random_token

FLOW_LIFETIME: Final = timedelta(minutes=10)
LEEWAY_SECONDS: Final = 30
MAX_SUBJECT_CHARS: Final = 255
MAX_PATH_CHARS: Final = 1024
# Never `none`, and nothing symmetric: what the provider signs with is not for its clients to have.
_HASHES: Final = ("256", "384", "512")
ALGORITHMS: Final = (*(f"{family}{size}" for family in ("RS", "PS", "ES") for size in _HASHES), "EdDSA", "Ed25519")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in on its way through a provider. It is kept as it is, but `state` and `browser_secret` as hashes."""

    state: str
    browser_secret: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    return_to: str
    accepted_terms_version: str  # "": whoever signs in has an account, or gets none


@dataclass(frozen=True, slots=True)
class TakenFlow:
    """What is left of a flow once it has come back."""

    nonce: str
    code_verifier: str
    redirect_uri: str
    return_to: str
    accepted_terms_version: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself; `userinfo` is "" if it has none."""

    authorization: str
    token: str
    jwks: str
    userinfo: str
    basic_authentication: bool  # whether the client secret goes into the header; else into the form
    sends_issuer: bool  # RFC 9207: an answer without `iss` is then not its own


@dataclass(frozen=True, slots=True)
class Claims:
    """Who signed in, as the provider says; `email` is "" where it says none."""

    subject: str
    email: str
    email_verified: bool


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """A provider's subject that no account is linked to yet, and the address that the provider vouches for."""

    provider: str
    subject: str
    email: str


class ProviderError(Exception):
    """A provider says something that it must not; the text is one line for the log, without what it said."""


def new_flow(redirect_uri: str, return_to: str, accepted_terms_version: str) -> Flow:
    """256 random bits for each secret. Raises INVALID `bad_return_to`, `bad_redirect_uri`."""
    _check_redirect_uri(redirect_uri)
    return Flow(
        state=random_token(),
        browser_secret=random_token(),
        nonce=random_token(),
        code_verifier=random_token(),
        redirect_uri=redirect_uri,
        return_to=own_path(return_to),
        accepted_terms_version=accepted_terms_version,
    )


def code_challenge(code_verifier: str) -> str:
    """S256 of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def own_path(text: str) -> str:
    """`text`, if it is a path on our own origin for every browser ("": `/`); raises INVALID `bad_return_to`.

    Browsers read `//host`, `/\\host`, and either with tabs or line ends in it, as another host. A fragment is left out,
    since the answer may need it.
    """
    path = text or "/"
    printable = all("!" <= char <= "~" for char in path)
    if len(path) > MAX_PATH_CHARS or not printable or not path.startswith("/") or set("\\#") & set(path):
        raise _bad_return_to()
    if path.startswith("//"):
        raise _bad_return_to()
    return path


def is_allowed_url(text: str) -> bool:
    """Whether it is an https:// URL, or http:// on this very machine, without a user and a fragment."""
    try:
        parts = urlsplit(text)
        known_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = parts.hostname or ""
    right = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    return right and bool(host) and known_port and not parts.fragment and "@" not in parts.netloc


def metadata_of(said: Mapping[str, Any], issuer: str) -> Metadata:
    """What the document at `/.well-known/openid-configuration` means to us; raises ProviderError.

    The issuer must be the very text of the setting, or one provider could speak for another.
    """
    if said.get("issuer") != issuer:
        raise ProviderError("the discovery document is another issuer's")
    methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Metadata(
        authorization=_endpoint(said, "authorization_endpoint"),
        token=_endpoint(said, "token_endpoint"),
        jwks=_endpoint(said, "jwks_uri"),
        userinfo=_endpoint(said, "userinfo_endpoint") if said.get("userinfo_endpoint") else "",
        basic_authentication="client_secret_basic" in methods or "client_secret_post" not in methods,
        sends_issuer=said.get("authorization_response_iss_parameter_supported") is True,
    )


def check_response_issuer(metadata: Metadata, sent: str, issuer: str) -> None:
    """Raises UNAUTHENTICATED `oidc_response_invalid` for an answer that another provider sent (a mix-up)."""
    if sent != issuer and (sent or metadata.sends_issuer):
        raise response_invalid()


def check_id_token(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: datetime) -> Claims:
    """Who an ID token names whose signature is good. Raises ProviderError for one that is not for us, or not now."""
    audiences = claims.get("aud")
    if isinstance(audiences, str):
        audiences = [audiences]
    if claims.get("iss") != issuer:
        raise ProviderError("the ID token is another issuer's")
    if not isinstance(audiences, list) or client_id not in audiences:
        raise ProviderError("the ID token is for somebody else")
    if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
        raise ProviderError("the ID token was issued to somebody else")
    _check_times(claims, now.timestamp())
    said = claims.get("nonce")
    if not isinstance(said, str) or not said.isascii() or not hmac.compare_digest(said, nonce):
        raise ProviderError("the ID token answers another request")
    return claims_of(claims)


def claims_of(said: Mapping[str, Any]) -> Claims:
    """The subject and the address of an ID token or a userinfo answer; raises ProviderError for what is no subject."""
    subject, email = said.get("sub"), said.get("email")
    if not isinstance(subject, str) or not subject or len(subject) > MAX_SUBJECT_CHARS:
        raise ProviderError("there is no usable subject")
    if not all(" " <= char <= "~" for char in subject):  # Core, 2: ASCII
        raise ProviderError("there is no usable subject")
    known = email if isinstance(email, str) and len(email) <= MAX_CHARS and not has_hidden(email) else ""
    return Claims(subject, known, email_verified=bool(known) and said.get("email_verified") is True)


def is_same_address(one: str, other: Email) -> bool:
    """Whether two addresses are one mailbox: equal but for the case of ASCII letters.

    `Email.key` is made to find twins, and a twin is somebody else's: a provider that vouches for `ｒoot@example.org`
    says nothing of `root@example.org`.
    """
    return one.encode().lower() == other.shown.encode().lower()


def response_invalid() -> AppError:
    """What is wrong is in the log: the browser could do nothing with it."""
    return unauthenticated("oidc_response_invalid", "The provider's answer is not valid. Begin the sign-in again.")


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (_is_time(expires) and _is_time(issued) and _is_time(begins)):
        raise ProviderError("the ID token lacks its times")
    if expires <= now - LEEWAY_SECONDS:
        raise ProviderError("the ID token has expired")
    if max(issued, begins) > now + LEEWAY_SECONDS:
        raise ProviderError("the ID token is of the future")


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _endpoint(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not is_allowed_url(value):
        raise ProviderError(f"{name} is not an https:// URL")
    return value


def _check_redirect_uri(text: str) -> None:
    if not text.startswith(("https://", "http://")) or not all("!" <= char <= "~" for char in text):
        raise invalid("bad_redirect_uri", "The redirect URI is not an http(s):// URL.")


def _bad_return_to() -> AppError:
    message = "return_to must be a path of this API's own origin, without a fragment."
    return invalid("bad_return_to", message, fields=[FieldError("return_to", "bad_return_to", message)])
