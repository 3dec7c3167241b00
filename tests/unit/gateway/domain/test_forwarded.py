"""Addresses, schemes and hosts, as far as they are believed."""

from __future__ import annotations

import ipaddress

import pytest

from tseeder_gateway.domain.forwarded import client_address, client_scheme, is_allowed_host

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
HOSTS = frozenset({"api.example.org", "10.0.0.5", "[::1]"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.9.9.9,10.8.8.8", "198.51.100.7"),
        ("10.0.0.1", "10.1.1.1, 10.9.9.9", "10.1.1.1"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "198.51.100.7, ", "198.51.100.7"),
        ("10.0.0.1", " , ,", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("10.0.0.1", "[2001:db8::5]", "2001:db8::5"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("fd00::1", "2001:DB8:0::0005, fd00::2", "2001:db8::5"),
        ("fd00::1", "fe80::1%anything", "fe80::1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, ::ffff:10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("::ffff:203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4," + "10.0.0.2," * 100, "10.0.0.2"),
        ("", "1.2.3.4", ""),
    ],
)
def test_an_address_is_believed_from_trusted_proxies_only(peer: str, forwarded: str | None, expected: str) -> None:
    assert client_address(peer, forwarded, TRUSTED) == expected


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("127.0.0.1", "1.2.3.4", ()) == "127.0.0.1"
    assert client_scheme("127.0.0.1", "http", (), insecure_http=False) == "https"


@pytest.mark.parametrize(
    ("peer", "forwarded", "insecure", "expected"),
    [
        ("10.0.0.1", "https", False, "https"),
        ("10.0.0.1", "https", True, "https"),
        ("10.0.0.1", "http", False, "http"),
        ("10.0.0.1", "https, HTTP", False, "http"),  # the last is what the proxy before us saw
        ("::ffff:10.0.0.1", "http", False, "http"),
        ("10.0.0.1", None, False, "https"),
        ("10.0.0.1", "gopher", False, "https"),
        ("10.0.0.1", "", True, None),
        ("203.0.113.9", "http", False, "https"),
        ("203.0.113.9", "https", True, None),
        ("", "http", False, "https"),
    ],
)
def test_so_is_the_scheme(peer: str, forwarded: str | None, insecure: bool, expected: str | None) -> None:
    assert client_scheme(peer, forwarded, TRUSTED, insecure_http=insecure) == expected


@pytest.mark.parametrize(
    "host", ["api.example.org", "API.Example.org", "api.example.org.", "api.example.org:8080", "10.0.0.5:1", "[::1]:80"]
)
def test_an_allowed_host_by_any_port(host: str) -> None:
    assert is_allowed_host(host, HOSTS)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "api.example.org.evil.example",
        "evil-api.example.org",
        "api.example.org@evil.example",
        "evil.example/api.example.org",
        "api.example.org:80:80",
        "api.example.org:",
        "api.example.org, evil.example",
        "::1",
        "*",
    ],
)
def test_any_other_host(host: str) -> None:
    assert not is_allowed_host(host, HOSTS)
