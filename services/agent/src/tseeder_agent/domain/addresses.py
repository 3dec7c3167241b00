"""Which addresses the swarm may make this process talk to, and which trackers and web seeds are taken at all.

The swarm is hostile: a peer, a tracker, a web seed or a redirect may name any address. Everything that is not the
public internet is refused, with the exceptions that the operator sets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tseeder_kit.hosts import points_inside

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_TRACKERS = 50
MAX_WEB_SEEDS = 10
TRACKER_SCHEMES = frozenset({"http", "https", "udp"})
WEB_SEED_SCHEMES = frozenset({"http", "https"})
MAX_URL_LENGTH = 2048

# IANA special-purpose registries, and what carries an IPv4 address inside an IPv6 one.
REFUSED_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",
    "169.254.0.0/16",  # link-local, and the metadata services of clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
REFUSED_V6 = (
    "::/3",  # loopback, unspecified, ::ffff:0:0/96, 64:ff9b::/96, 100::/64 and all that is not global unicast below
    "2001::/23",  # IETF protocol assignments, Teredo among them
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
    "4000::/2",
    "8000::/1",  # fc00::/7, fe80::/10, fec0::/10, ff00::/8 and the unassigned space around them
)
LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Rule:
    """One range of an IP filter, both ends included, as text; later rules win over earlier ones."""

    first: str
    last: str
    refused: bool


def filter_rules(*, admitted: Iterable[str] = (), refused: Iterable[str] = ()) -> list[Rule]:
    """The filter's rules in order: the refused ranges, the operator's own, then what is `admitted` after all.

    Raises ValueError for text that is no network.
    """
    rules = [_rule(network, refused=True) for network in (*REFUSED_V4, *REFUSED_V6, *refused)]
    return rules + [_rule(network, refused=False) for network in admitted]


def _rule(text: str, *, refused: bool) -> Rule:
    network: Network = ipaddress.ip_network(text)
    return Rule(str(network.network_address), str(network.broadcast_address), refused)


def is_refused(address: str, *, admitted: Iterable[str] = (), refused: Iterable[str] = ()) -> bool:
    """Whether the filter of these rules refuses a literal address; what is none is refused."""
    try:
        wanted = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    verdict = False
    for rule in filter_rules(admitted=admitted, refused=refused):
        first, last = ipaddress.ip_address(rule.first), ipaddress.ip_address(rule.last)
        if first.version == wanted.version and int(first) <= int(wanted) <= int(last):
            verdict = rule.refused
    return verdict


@dataclass(frozen=True, slots=True)
class Fence:
    """Which URLs are taken beside their number and kind. `udp`: whether trackers may speak it. `by_name`: hosts that
    are written as inside are left out, since nobody here sees the addresses (a proxy resolves names)."""

    udp: bool = True
    by_name: bool = False


OPEN = Fence()


def usable_trackers(urls: Sequence[str], fence: Fence = OPEN) -> list[str]:
    """At most 50 trackers that speak http, https or udp, in order, each once. WebTorrent's are not taken."""
    return _usable(urls, TRACKER_SCHEMES if fence.udp else WEB_SEED_SCHEMES, MAX_TRACKERS, fence)


def usable_web_seeds(urls: Sequence[str], fence: Fence = OPEN) -> list[str]:
    """At most 10 web seeds that speak http or https, in order, each once."""
    return _usable(urls, WEB_SEED_SCHEMES, MAX_WEB_SEEDS, fence)


def _usable(urls: Sequence[str], schemes: frozenset[str], limit: int, fence: Fence) -> list[str]:
    found: dict[str, None] = {}
    for url in urls:
        if len(found) == limit:
            break
        host = _host(url, schemes)
        if host and not (fence.by_name and points_inside(host)):
            found.setdefault(url)
    return list(found)


def _host(url: str, schemes: frozenset[str]) -> str:
    """The host of a URL that can be used, else nothing."""
    if len(url) > MAX_URL_LENGTH or any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):
        return ""
    try:
        split = urlsplit(url)
        usable = split.scheme in schemes and (split.port is None or split.port > 0)
    except ValueError:
        return ""
    return split.hostname or "" if usable else ""


def usable_peers(addresses: Sequence[str]) -> list[tuple[str, int]]:
    """`host:port` and `[host]:port` with a literal address; anything else is left out."""
    found = []
    for text in addresses:
        host, _, port = text.rpartition(":")
        if len(port) > 5:
            continue
        try:
            address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError:
            continue
        if port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            found.append((str(address), int(port)))
    return found
