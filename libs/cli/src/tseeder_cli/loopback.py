"""Whether a server is on this machine."""

from __future__ import annotations

import ipaddress

import httpx


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine itself."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
