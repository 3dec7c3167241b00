"""Small header values that clients send."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from tseeder_kit.errors import invalid

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

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


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """Where a request comes from: X-Forwarded-For is believed from the right, as far as trusted proxies wrote it."""
    hops = [hop.strip() for hop in (forwarded_for or "").split(",") if hop.strip()]
    address = peer
    while _is_trusted(address, trusted) and hops:
        candidate = hops.pop()
        if _parsed(candidate) is None:
            break
        address = candidate
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
