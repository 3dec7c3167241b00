"""Small header values that clients send."""

from __future__ import annotations

import re
from typing import Final

from tseeder_kit.errors import invalid

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}")
_VERSION: Final = re.compile(r"[0-9]{1,18}")


def request_id(sent: str | None) -> str | None:
    """The client's own X-Request-Id, if it is one that is safe to log and to send back."""
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else None


def idempotency_key(sent: str | None) -> str:
    """The Idempotency-Key, "" without one. Raises AppError INVALID `idempotency_key_invalid`."""
    if sent is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(sent):
        raise invalid("idempotency_key_invalid", "An Idempotency-Key is 1 to 255 visible ASCII characters.")
    return sent


def last_event_id(sent: str | None) -> int | None:
    """The job version that a returning stream has seen; None if it names none."""
    return int(sent) if sent is not None and _VERSION.fullmatch(sent.strip()) else None
