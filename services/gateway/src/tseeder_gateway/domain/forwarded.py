"""Where a request comes from and how, through proxies: they are believed only where an operator trusts them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Sequence
from typing import Final, Literal, TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Scheme: TypeAlias = Literal["http", "https"]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_HOPS: Final = 32
_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")  # as some proxies write them
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def client_address(peer: str, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The client's address, for its limits and for the log of sign-ins.

    X-Forwarded-For is read from the right, for as long as the hop before was a trusted proxy: what stands further left
    was written by somebody else. An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is the IPv4 address. What is no
    address ends the reading at the hop before.
    """
    address = _parsed(peer)
    if address is None:
        return peer
    hops = (forwarded_for or "").rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]
    while hops and is_trusted(address, trusted):
        hop = hops.pop().strip()
        if not hop:
            continue
        candidate = _parsed(hop)
        if candidate is None:
            break
        address = candidate
    return str(address)


def client_scheme(
    peer: str, forwarded_proto: str | None, trusted: Sequence[Network], *, insecure_http: bool
) -> Scheme | None:
    """How the client came: as the trusted proxy says that we talk to, else by setting; None if either may be.

    The connection itself says nothing: TLS ends before the gateway.
    """
    address = _parsed(peer)
    if address is not None and is_trusted(address, trusted):
        match (forwarded_proto or "").rpartition(",")[2].strip().lower():
            case "https":
                return "https"
            case "http":
                return "http"
    return None if insecure_http else "https"


def is_trusted(address: _Address, trusted: Sequence[Network]) -> bool:
    """Whether one of these networks has the address."""
    return any(address in network for network in trusted)


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Whether a Host header names one of `allowed`: names or addresses, lower case, without a port."""
    match = _HOST.fullmatch(host)
    return match is not None and match[1].lower().removesuffix(".") in allowed


def _parsed(text: str) -> _Address | None:
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((match[1] or match[2]) if match else text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.scope_id is not None:  # `fe80::1%eth0`: whatever stands there would be another caller
            return ipaddress.IPv6Address(int(address))
    return address
