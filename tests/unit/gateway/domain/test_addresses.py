"""Whom an address is counted for."""

from __future__ import annotations

import ipaddress

import pytest

from tseeder_gateway.domain.addresses import is_in, subject


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_subject(address: str, expected: str) -> None:
    assert subject(address) == expected


def test_networks() -> None:
    networks = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")]
    assert is_in("10.1.2.3", networks)
    assert is_in("::ffff:10.1.2.3", networks)
    assert is_in("2001:db8::1", networks)
    assert not is_in("11.0.0.1", networks)
    assert not is_in("10.1", networks)
