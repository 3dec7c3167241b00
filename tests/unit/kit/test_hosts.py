"""Which hosts are inside, in every spelling that a resolver would take."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tseeder_kit.hosts import points_inside

INSIDE = """
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0X7F.1 017700000001 0177.0.0.1 127.0.0.1. 0 0.0.0.0 10.1.2.3 10.1
172.16.0.1 172.31.255.255 192.168.0.1 3232235521 169.254.169.254 0xa9fea9fe 2852039166 100.64.0.1 100.127.255.255
192.0.0.8 198.18.0.1 224.0.0.1 239.255.255.255 255.255.255.255 240.0.0.1 192.0.2.1 203.0.113.9
::1 :: ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 fe80::1 fe80::1%eth0 fc00::1 fd12::1 ff02::1 64:ff9b::a00:1
64:ff9b:1::1 2002:7f00:1:: 2001:0:1::1 2001:db8::1 fec0::1 100::1
localhost LOCALHOST localhost. a.localhost printer.local db.internal jobs.tseeder.svc x.svc.cluster.local router.lan
postgres redis x.home.arpa １２７.0.0.1 ⑩.0.0.1 127。0。0。1 256.256.256.256 1.2.3.4.5 08.8.8.8 0x 1.2.3.0x1g
999999999999
-a.example.com a..example.com %31%32%37.1 ex*mple.com a.example.com:80
"""

OUTSIDE = """
8.8.8.8 1.1.1.1 134744072 172.15.0.1 172.32.0.1 100.63.255.255 100.128.0.1 192.169.0.1 11.0.0.1 223.255.255.255
2606:4700:4700::1111 2a00::1 tracker.example.com TRACKER.Example.COM. a_b.example.com xn--bcher-kva.example
1337.example.com 10.example.com opentrackr.org bücher.example пример.рф
"""


@pytest.mark.parametrize("host", [*INSIDE.split(), ""])
def test_inside(host: str) -> None:
    assert points_inside(host)


@pytest.mark.parametrize("host", OUTSIDE.split())
def test_outside(host: str) -> None:
    assert not points_inside(host)
    assert not points_inside(host, admit_private=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "::1", "localhost", "10.0.0.1", "192.168.1.1", "fd00::1", "minio"]
)
def test_loopback_and_private_networks_can_be_admitted(host: str) -> None:
    assert not points_inside(host, admit_private=True)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "0xa9fea9fe", "fe80::1", "224.0.0.1", "::ffff:10.0.0.1", "0.0.0.0"]
)
def test_metadata_services_and_multicast_are_never_admitted(host: str) -> None:
    assert points_inside(host, admit_private=True)


@given(st.ip_addresses(v=4), st.integers(0, 3))
def test_all_spellings_of_an_address_are_judged_alike(address: ipaddress.IPv4Address, spelling: int) -> None:
    value = int(address)
    head, low = address.packed[0], value & 0xFFFFFF
    text = [str(value), hex(value), f"0{value:o}", f"{head}.{low}"][spelling]
    assert points_inside(text) == points_inside(str(address))


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_inside(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert points_inside(str(address))


@given(st.text())
def test_any_text_is_judged(host: str) -> None:
    assert points_inside(host) in (True, False)
