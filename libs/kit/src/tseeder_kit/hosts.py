"""Which hosts are inside: private, loopback, link-local and other special addresses, in every spelling of them.

It judges what is written, as resolvers read it (`127.1`, decimal, octal, hex, full-width digits, IPv4 inside IPv6).
What a name resolves to is for somebody else to judge.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

_V4_INSIDE: Final = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # CGNAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Everything outside 2000::/3 is loopback, mapped, translated (64:ff9b::), unique local, link-local or multicast.
_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
_V6_INSIDE: Final = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
_ADMITTED: Final = tuple(
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
_INSIDE_SUFFIXES: Final = (
    ".localhost",
    ".local",
    ".localdomain",
    ".internal",
    ".svc",
    ".lan",
    ".intranet",
    ".home.arpa",
)
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def points_inside(host: str, *, admit_private: bool = False) -> bool:
    """Whether `host` (a name or an address, IPv6 without brackets) must not be contacted for a stranger.

    `admit_private` admits loopback and private networks, for stacks and tests on one machine; never link-local.
    What is not a well-formed host counts as inside.
    """
    name = unicodedata.normalize("NFKC", host).lower().rstrip(".")
    address = _address(name)
    if address is not None:
        if admit_private and any(address in net for net in _ADMITTED if net.version == address.version):
            return False
        return _address_inside(address)
    if not _is_name(name):
        return True
    if admit_private:
        return False
    return "." not in name or name.endswith(_INSIDE_SUFFIXES)


def _is_name(name: str) -> bool:
    try:
        plain = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    # A last label that begins with a digit is no domain; resolvers read some of them as parts of an IPv4 address.
    return len(plain) <= 253 and bool(_NAME.fullmatch(plain)) and plain.rpartition(".")[2][0].isalpha()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" in name:
        try:
            return ipaddress.IPv6Address(name.partition("%")[0])
        except ValueError:
            return None
    return _ipv4(name)


def _ipv4(name: str) -> ipaddress.IPv4Address | None:
    """What inet_aton makes of `name`: 1 to 4 numbers, decimal, octal (leading 0) or hex, the last one filling up."""
    fields = name.split(".")
    if len(fields) > 4 or not all(_NUMBER.fullmatch(field) for field in fields):
        return None
    if any(len(field) > 40 for field in fields):
        return None
    numbers = [_number(field) for field in fields]
    if None in numbers:
        return None
    *head, last = [number for number in numbers if number is not None]
    if any(number > 255 for number in head) or last >= 256 ** (4 - len(head)):
        return None
    value = last
    for place, number in enumerate(head):
        value += number << (8 * (3 - place))
    return ipaddress.IPv4Address(value)


def _number(field: str) -> int | None:
    try:
        if field.startswith("0x"):
            return int(field[2:] or "0", 16)
        return int(field, 8) if len(field) > 1 and field.startswith("0") else int(field)
    except ValueError:  # 08: neither octal nor decimal
        return None


def _address_inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in net for net in _V4_INSIDE)
    return address not in _V6_GLOBAL or any(address in net for net in _V6_INSIDE)
