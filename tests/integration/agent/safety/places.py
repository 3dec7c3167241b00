"""The little internet of the safety tests: which addresses it has, and which port belongs to which way.

A way is one means by which a stranger could make an agent connect somewhere. Each has a port of its own, on every
address, so that a packet's destination alone says who was contacted, and by which way. Nothing of it leaves the
machine: the public addresses are assigned to a device of a network namespace.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from typing import Final

INSIDE: Final = "9.9.9.2"
"""The agent's own address; public, so that nothing about it is private."""
GATEWAY: Final = "9.9.9.1"
INSIDE6: Final = "2620:fe::2"
GATEWAY6: Final = "2620:fe::1"
PUBLIC: Final = "8.8.4.4"
OTHER_PUBLIC: Final = "1.1.1.1"
PUBLIC6: Final = "2001:4860:4860::8844"
RESOLVER: Final = "8.8.8.8"
PROXY: Final = "10.0.0.9"
"""Where proxies mostly stand: on a private address, which the swarm may not reach otherwise."""

PRIVATE4: Final = ("10.0.0.5", "172.16.0.5", "192.168.0.5", "100.64.0.5", "169.254.169.254", "198.18.0.5")
PRIVATE6: Final = ("fd00::5", "64:ff9b::a00:5", "2002:a00:5::5", "2001:db8::5")
LINK_LOCAL6: Final = "fe80::5"
ASSIGNED: Final = (PUBLIC, OTHER_PUBLIC, PUBLIC6, RESOLVER, PROXY, *PRIVATE4, *PRIVATE6)
"""What the world beyond the link has; LINK_LOCAL6 stands on the link itself."""
PRIVATE: Final = (*PRIVATE4, *PRIVATE6, "127.0.0.1", "::1")
MAPPED: Final = ("::ffff:10.0.0.5", "::ffff:127.0.0.1", "::ffff:169.254.169.254")

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "public.example.net": (PUBLIC,),
    "ten.example.net": ("10.0.0.5",),
    "metadata.example.net": ("169.254.169.254",),
    "loopback.example.net": ("127.0.0.1", "::1"),
    "local6.example.net": ("fd00::5",),
    "mapped.example.net": ("::ffff:10.0.0.5",),
    "nat64.example.net": ("64:ff9b::a00:5",),
    "both.example.net": ("10.0.0.5", "fd00::5", OTHER_PUBLIC),
    "dht.libtorrent.org": ("10.0.0.5", "169.254.169.254", "127.0.0.1", "fd00::5", PUBLIC),
}
REBINDING: Final = "rebinding.example.net"
"""Its first answer is public; every later one is private."""

SPELLINGS: Final = (
    "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "10.5", "0xa000005", "2852039166", "0.0.0.0", "[::]",
    "localhost", f"[{LINK_LOCAL6}%25wire0]", *(f"[{each}]" for each in MAPPED),
)  # fmt: skip


class Way(IntEnum):
    """How somebody is led to an address; the value is the port."""

    HTTP_TRACKER = 7001
    HTTPS_TRACKER = 7002
    UDP_TRACKER = 7003
    TRACKER_REDIRECT = 7004
    WEB_SEED = 7005
    WEB_SEED_REDIRECT = 7006
    COMPACT_PEERS = 7007
    LISTED_PEERS = 7008
    UDP_TRACKER_PEERS = 7009
    PEX = 7010
    KNOWN_PEER = 7011
    MAGNET_PEER = 7012
    DHT_BOOTSTRAP = 25401
    DHT_NODE = 7013
    DHT_VALUE = 7014
    REBINDING = 7015
    LATE_TRACKER = 7016
    HTTPS_REDIRECT = 7017
    HOLE_PUNCH = 7018


FRONT: Final = 7100
"""Where the public servers listen that lead elsewhere."""
TLS_FRONT: Final = 7101


def host_in_url(address: str) -> str:
    """An address as URLs write it."""
    return f"[{address}]" if ":" in address else address


def hosts() -> list[str]:
    """Every private host as a URL may name it."""
    names = [name for name in NAMES if name not in ("public.example.net", "dht.libtorrent.org")]
    return [*map(host_in_url, PRIVATE), *SPELLINGS, *names]


def is_public(address: str) -> bool:
    """Whether this contact is one that must be made."""
    return str(ipaddress.ip_address(address)) in (PUBLIC, OTHER_PUBLIC, PUBLIC6)
