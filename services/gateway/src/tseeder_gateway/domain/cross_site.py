"""What keeps another web site from acting with a user's cookie."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Final, Literal

from tseeder_kit.errors import forbidden

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_OWN: Final = frozenset({"same-origin", "none"})


def check_origin(
    *,
    origin: str | None,
    fetch_site: str | None,
    host: str,
    admitted: Collection[str],
    scheme: Literal["http", "https"] | None,
) -> None:
    """Refuses a request that a page of another site caused; browsers say so, and scripts cannot forge it.

    `scheme` is what the request came by; None if it may be either. `admitted` are the exact origins of CORS. Raises
    AppError FORBIDDEN `cross_site_request`.
    """
    if origin is not None:
        if not _is_own(origin, host, scheme) and origin not in admitted:
            raise _cross_site()
    elif fetch_site is not None and fetch_site not in _OWN:
        raise _cross_site()


def _is_own(origin: str, host: str, scheme: str | None) -> bool:
    schemes = ("http", "https") if scheme is None else (scheme,)
    return host != "" and origin.lower() in [f"{each}://{_without_port(host.lower(), each)}" for each in schemes]


def _without_port(host: str, scheme: str) -> str:
    """As browsers write an origin: without the scheme's own port."""
    return host.removesuffix(_DEFAULT_PORTS[scheme])


def check_token(sent: str | None, expected: str) -> None:
    """Compares the X-CSRF-Token of a request with its session's, in constant time.

    Raises AppError FORBIDDEN `csrf_token_missing` or `csrf_token_invalid`.
    """
    if not sent:
        raise forbidden("csrf_token_missing", "A request with a session cookie needs the header X-CSRF-Token.")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise forbidden("csrf_token_invalid", "The X-CSRF-Token is not this session's.")


def _cross_site() -> Exception:
    return forbidden("cross_site_request", "Another web site caused this request.")
