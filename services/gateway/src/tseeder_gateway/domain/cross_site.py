"""What keeps another web site from acting with a user's cookie."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from tseeder_kit.errors import forbidden

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_OWN: Final = frozenset({"same-origin", "none"})


def check_origin(*, origin: str | None, fetch_site: str | None, host: str, admitted: Collection[str]) -> None:
    """Refuses a request that a page of another site caused; browsers say so, and scripts cannot forge it.

    `admitted` are the exact origins of CORS. Raises AppError FORBIDDEN `cross_site_request`.
    """
    if origin is not None:
        if not _is_own(origin, host) and origin not in admitted:
            raise _cross_site()
    elif fetch_site is not None and fetch_site not in _OWN:
        raise _cross_site()


def _is_own(origin: str, host: str) -> bool:
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:  # such as `http://[`
        return False
    return netloc != "" and netloc.lower() == host.lower()


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
